"""What is written to people about their account, in their language: one row for each occasion.

A text names what it needs in ``{braces}``. The provider's name is there in each; a person is always greeted by the name they gave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wolke.business.mail import Letter
from wolke.core.clock import seconds
from wolke.core.db import Transaction

if TYPE_CHECKING:
    from wolke.business.customers.model import Person
    from wolke.business.desk import Needs

DEFAULT = "en"


class Wording(NamedTuple):
    subject: str
    text: str


class Post:
    """Puts letters into the box of mail."""

    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    async def put(self, tx: Transaction, occasion: str, to: str, name: str, locale: str, **values: object) -> None:
        """``values`` fill the names of the text; the greeting and the provider's name stand round it. ``link``: a path of ours, or all of an
        address."""
        link = str(values.get("link", ""))
        if link.startswith("/"):
            values["link"] = self._needs.config.url.rstrip("/") + link
        values |= {"name": name, "provider": self._needs.config.name, "at": seconds(self._needs.clock.now())}
        await self._needs.mailbox.put(tx, _letter(occasion, to, locale, values))

    async def tell(self, tx: Transaction, occasion: str, person: Person, **values: object) -> None:
        await self.put(tx, occasion, person.email, person.name, person.locale, **values)


def _letter(occasion: str, to: str, locale: str, values: dict[str, object]) -> Letter:
    wordings = LETTERS[occasion]
    language = locale if locale in wordings else DEFAULT
    wording, (hello, bye) = wordings[language], _ROUND[language]
    text = f"{hello.format(**values)}\n\n{wording.text.strip().format(**values)}\n\n{bye.format(**values)}\n"
    return Letter(to, wording.subject.format(**values), text)


_ROUND = {
    "en": ("Hello {name},", "{provider}"),
    "de": ("Guten Tag {name},", "{provider}"),
}

LETTERS: dict[str, dict[str, Wording]] = {
    "confirm": {
        "en": Wording(
            "Please confirm your e-mail address",
            """
you are one click away from your account for {company}:

{link}

The link is good once, for two days. If you did not sign up with {provider}, there is nothing to do: without that click no account is made.
""",
        ),
        "de": Wording(
            "Bitte bestätigen Sie Ihre E-Mail-Adresse",
            """
noch ein Klick, dann ist Ihr Konto für {company} bereit:

{link}

Der Link gilt einmal und zwei Tage lang. Falls Sie sich nicht bei {provider} angemeldet haben, brauchen Sie nichts zu tun: Ohne diesen Klick entsteht
kein Konto.
""",
        ),
    },
    "known": {
        "en": Wording(
            "You have an account already",
            """
somebody, probably you, has just signed up with this e-mail address. There is an account for it already, so nothing was changed.

You can sign in here: {link}

There you also set a new password if you have forgotten yours, and open a further company. If it was not you, there is nothing to do.
""",
        ),
        "de": Wording(
            "Sie haben bereits ein Konto",
            """
jemand, wahrscheinlich Sie, hat sich gerade mit dieser E-Mail-Adresse angemeldet. Zu ihr gibt es schon ein Konto; es wurde nichts geändert.

Hier melden Sie sich an: {link}

Dort setzen Sie auch ein neues Passwort, falls Sie Ihres vergessen haben, und eröffnen ein weiteres Unternehmen. Waren Sie es nicht, brauchen Sie
nichts zu tun.
""",
        ),
    },
    "reset": {
        "en": Wording(
            "Your new password",
            """
here you set a new password:

{link}

The link is good once, for one hour. If you did not ask for it, there is nothing to do: your password stays as it is.
""",
        ),
        "de": Wording(
            "Ihr neues Passwort",
            """
hier setzen Sie ein neues Passwort:

{link}

Der Link gilt einmal und eine Stunde lang. Haben Sie ihn nicht angefordert, brauchen Sie nichts zu tun: Ihr Passwort bleibt, wie es ist.
""",
        ),
    },
    "invite": {
        "en": Wording(
            "{inviter} invites you to {company}",
            """
{inviter} would like you to work with {company} at {provider}. Here you accept:

{link}

The link is good once, for seven days. If you do not know {inviter}, there is nothing to do.
""",
        ),
        "de": Wording(
            "{inviter} lädt Sie zu {company} ein",
            """
{inviter} möchte mit Ihnen bei {company} auf {provider} zusammenarbeiten. Hier nehmen Sie an:

{link}

Der Link gilt einmal und sieben Tage lang. Kennen Sie {inviter} nicht, brauchen Sie nichts zu tun.
""",
        ),
    },
    "password": {
        "en": Wording(
            "Your password was changed",
            """
the password of your account was changed at {at}, from the network address {address}. All other sessions have ended.

If it was not you, set a new password now and tell us: {link}
""",
        ),
        "de": Wording(
            "Ihr Passwort wurde geändert",
            """
das Passwort Ihres Kontos wurde am {at} von der Netzwerkadresse {address} aus geändert. Alle anderen Sitzungen sind beendet.

Waren Sie es nicht, setzen Sie jetzt ein neues Passwort und melden Sie es uns: {link}
""",
        ),
    },
    "email_new": {
        "en": Wording(
            "Please confirm your new e-mail address",
            """
with one click this becomes the e-mail address of your account:

{link}

The link is good once, for one day. If you did not ask for it, there is nothing to do: nothing changes without that click.
""",
        ),
        "de": Wording(
            "Bitte bestätigen Sie Ihre neue E-Mail-Adresse",
            """
mit einem Klick wird dies die E-Mail-Adresse Ihres Kontos:

{link}

Der Link gilt einmal und einen Tag lang. Haben Sie ihn nicht angefordert, brauchen Sie nichts zu tun: Ohne diesen Klick ändert sich nichts.
""",
        ),
    },
    "email_known": {
        "en": Wording(
            "This e-mail address has an account already",
            """
somebody, perhaps you, wanted to use this e-mail address for another account. It belongs to yours, so nothing was changed.

You can sign in here: {link}
""",
        ),
        "de": Wording(
            "Zu dieser E-Mail-Adresse gibt es schon ein Konto",
            """
jemand, vielleicht Sie, wollte diese E-Mail-Adresse für ein anderes Konto verwenden. Sie gehört zu Ihrem Konto; es wurde nichts geändert.

Hier melden Sie sich an: {link}
""",
        ),
    },
    "email_asked": {
        "en": Wording(
            "Your account shall get another e-mail address",
            """
at {at} somebody asked, from the network address {address} and with your password, that {email} be the address of your account. It becomes so as soon
as a link in a mail to that address is followed.

If it was not you, set a new password now, which is all it takes to stop this, and tell us: {link}
""",
        ),
        "de": Wording(
            "Ihr Konto soll eine andere E-Mail-Adresse bekommen",
            """
am {at} hat jemand von der Netzwerkadresse {address} aus und mit Ihrem Passwort darum gebeten, dass {email} die Adresse Ihres Kontos wird. Sie wird es,
sobald dem Link in einer E-Mail an diese Adresse gefolgt wird.

Waren Sie es nicht, setzen Sie jetzt ein neues Passwort, mehr braucht es nicht, um das aufzuhalten, und melden Sie es uns: {link}
""",
        ),
    },
    "email_changed": {
        "en": Wording(
            "Your account has another e-mail address",
            """
since {at} the address of your account is {email}. It was confirmed from the network address {address}; this is our last mail to the old one.

If it was not you, please tell us at once.
""",
        ),
        "de": Wording(
            "Ihr Konto hat eine andere E-Mail-Adresse",
            """
seit {at} ist {email} die Adresse Ihres Kontos. Bestätigt wurde sie von der Netzwerkadresse {address} aus; dies ist unsere letzte E-Mail an die alte.

Waren Sie es nicht, melden Sie sich bitte sofort bei uns.
""",
        ),
    },
    "second_step_on": {
        "en": Wording(
            "The second step is on",
            """
from now on your account asks for a code from your phone after the password. It was switched on at {at}, from the network address {address}.

If it was not you, set a new password now and tell us: {link}
""",
        ),
        "de": Wording(
            "Der zweite Schritt ist eingeschaltet",
            """
ab jetzt fragt Ihr Konto nach dem Passwort noch nach einem Code von Ihrem Telefon. Eingeschaltet wurde das am {at} von der Netzwerkadresse {address}
aus.

Waren Sie es nicht, setzen Sie jetzt ein neues Passwort und melden Sie es uns: {link}
""",
        ),
    },
    "second_step_off": {
        "en": Wording(
            "The second step is off",
            """
your account asks for the password alone again. The second step was switched off at {at}, from the network address {address}.

If it was not you, set a new password now and tell us: {link}
""",
        ),
        "de": Wording(
            "Der zweite Schritt ist ausgeschaltet",
            """
Ihr Konto fragt wieder nur nach dem Passwort. Der zweite Schritt wurde am {at} von der Netzwerkadresse {address} aus ausgeschaltet.

Waren Sie es nicht, setzen Sie jetzt ein neues Passwort und melden Sie es uns: {link}
""",
        ),
    },
    "locked": {
        "en": Wording(
            "Somebody tries to sign in as you",
            """
there were {failures} wrong passwords or codes in a row for your account, the last from the network address {address}. It takes no more of them for
{minutes} min.

If it was you, wait, or set a new password here: {link}
""",
        ),
        "de": Wording(
            "Jemand versucht, sich als Sie anzumelden",
            """
für Ihr Konto kamen {failures} falsche Passwörter oder Codes hintereinander, zuletzt von der Netzwerkadresse {address}. Für {minutes} min nimmt es
keine weiteren an.

Waren Sie es selbst, warten Sie, oder setzen Sie hier ein neues Passwort: {link}
""",
        ),
    },
    "suspended": {
        "en": Wording(
            "The account of {company} is suspended",
            """
we have suspended the account of {company}. The reason: {reason}

What you have keeps running, and you can look at everything and pay; nothing new can be bought until we open it again. Please write to us: {link}
""",
        ),
        "de": Wording(
            "Das Konto von {company} ist gesperrt",
            """
wir haben das Konto von {company} gesperrt. Der Grund: {reason}

Was Sie haben, läuft weiter; Sie können alles ansehen und bezahlen. Neues kaufen können Sie erst, wenn wir es wieder öffnen. Bitte schreiben Sie uns:
{link}
""",
        ),
    },
    "opened": {
        "en": Wording(
            "The account of {company} is open again",
            """
everything is as it was before: {link}
""",
        ),
        "de": Wording(
            "Das Konto von {company} ist wieder offen",
            """
alles ist wieder wie zuvor: {link}
""",
        ),
    },
    "acting": {
        "en": Wording(
            "{provider} works on your account",
            """
{staff} of {provider} has begun to work in the account of {company} on your behalf. The reason: {reason}

Whatever is done stands in your activity log with that name: {link}
""",
        ),
        "de": Wording(
            "{provider} arbeitet in Ihrem Konto",
            """
{staff} von {provider} arbeitet ab jetzt in Ihrem Namen im Konto von {company}. Der Grund: {reason}

Alles, was dabei geschieht, steht mit diesem Namen in Ihrem Protokoll: {link}
""",
        ),
    },
}
