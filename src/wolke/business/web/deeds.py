"""What the audit log's actions are called, for those who read a history."""

from __future__ import annotations

DEEDS = {
    "people.confirm": "opened the account", "people.change": "changed their own name or language", "sessions.begin": "signed in",
    "sessions.end": "signed out", "sessions.switch": "went to work elsewhere", "sessions.lock": "signing in was locked after wrong passwords",
    "sessions.end_one": "signed out elsewhere", "sessions.end_others": "signed out everywhere else", "passwords.change": "changed their password",
    "passwords.reset": "set a new password", "passwords.forgotten": "asked for a new password", "second_step.offer": "began to set up the second step",
    "second_step.switch_on": "switched the second step on", "second_step.switch_off": "switched the second step off",
    "second_step.recovery_codes": "made new recovery codes", "company.change": "changed the company's details", "company.add": "opened a company",
    "members.invite": "invited a colleague", "members.change": "changed what a colleague may do", "members.remove": "let a colleague go",
    "members.leave": "left the company", "invitations.accept": "accepted an invitation", "invitations.withdraw": "withdrew an invitation",
    "projects.create": "made a project", "projects.rename": "renamed a project", "projects.budget": "set a budget", "projects.close": "closed a project",
    "keys.create": "made a program's key", "keys.end": "ended a program's key", "tickets.open": "asked for help", "tickets.write": "wrote in a ticket",
    "tickets.solve": "said that a ticket is solved", "customers.act": "began to act on behalf of the customer",
    "customers.suspend": "suspended the customer", "customers.open": "let the customer buy again", "customers.discount": "changed the discount",
    "customers.check_vat": "checked the VAT id", "plans.create": "offered a new plan", "plans.withdraw": "withdrew a plan",
    "plans.restore": "offered a plan again", "prices.create": "set a price", "provider.tickets.answer": "answered a ticket",
    "provider.tickets.note": "noted something in a ticket", "provider.tickets.change": "changed a ticket", "staff.add": "invited somebody to the staff",
    "projects.retry": "had a project set up once more", "limits.set": "set how much a project may have", "people.change_email": "asked for another e-mail address",
    "people.confirm_email": "has another e-mail address now",
    "staff.change": "changed what a member of staff may do", "staff.remove": "let a member of staff go",
}  # fmt: skip

#: What was wished of a thing.
ACTS = {
    "order": "Ordered", "start": "Started", "stop": "Stopped", "restart": "Restarted", "rename": "Renamed", "resize": "Size changed",
    "delete": "Deleted", "attach": "Joined to a server", "detach": "Taken from its server", "grow": "Made larger", "assign": "Led to a server",
    "release": "Given back",
}  # fmt: skip
NOUNS = {
    "server": "Server",
    "disk": "Disk",
    "address": "Address",
    "snapshot": "Snapshot",
    "key": "Key",
    "rule": "Firewall",
    "project": "Project",
}
