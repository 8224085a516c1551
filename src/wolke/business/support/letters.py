"""What support writes by mail, in the reader's language. The text of people stands in it as they wrote it."""

from __future__ import annotations

from wolke.business.mail import Letter
from wolke.business.support.model import Ticket

_SUBJECT = "[#{number}] {subject}"
_TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "answered": "{writer} has answered your question #{number}, “{subject}”:\n\n{text}\n\n"
        "You can answer, or say that all is well, here: {link}\n",
        "written": "{writer} ({company}) writes in #{number}, “{subject}” ({priority}):\n\n{text}\n\nThe ticket: {link}\n",
        "given": "Ticket #{number}, “{subject}” of {company}, is now yours.\n\nThe ticket: {link}\n",
    },
    "de": {
        "answered": "{writer} hat Ihre Frage #{number}, „{subject}“, beantwortet:\n\n{text}\n\n"
        "Hier können Sie antworten oder sagen, dass alles erledigt ist: {link}\n",
        "written": "{writer} ({company}) schreibt in #{number}, „{subject}“ ({priority}):\n\n{text}\n\nDas Ticket: {link}\n",
        "given": "Das Ticket #{number}, „{subject}“ von {company}, ist jetzt Ihres.\n\nDas Ticket: {link}\n",
    },
}


def letter(kind: str, to: str, locale: str, ticket: Ticket, link: str, *, writer: str = "", text: str = "") -> Letter:
    """``kind``: answered (to the customer), written or given (to the provider's people)."""
    texts = _TEXTS.get(locale[:2], _TEXTS["en"])
    values = {
        "number": ticket.number, "subject": ticket.subject, "company": ticket.company_name, "priority": ticket.priority,
        "writer": writer, "text": text, "link": link,
    }  # fmt: skip
    return Letter(to, _SUBJECT.format(**values), texts[kind].format(**values))
