"""Words that several verbs of customers take."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

# No control characters, no line ends of any kind, nothing that turns the writing round: these go into headers of mail and on to invoices.
_LINE = r"^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*$"
Line = Annotated[str, Meta(max_length=200, pattern=_LINE)]
ShortLine = Annotated[str, Meta(max_length=30, pattern=_LINE)]
# A name stands in mail to people who have not asked for it: it is no place for a link.
_NAME = r"^(?!.*(://|[wW][wW][wW]\.))" + _LINE.removeprefix("^")
Name = Annotated[str, Meta(min_length=1, max_length=120, pattern=_NAME)]
Sentence = Annotated[str, Meta(min_length=1, max_length=500, pattern=_LINE)]
Email = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=254,
        pattern=r"^[^@\s<>()\[\],;:\\\"\u0000-\u0020\u007f-\u00a0]+@[^@\s<>()\[\],;:\\\"]+\.[^@\s<>()\[\],;:\\\"]+$",
    ),
]
Password = Annotated[str, Meta(min_length=1, max_length=1000)]
Code = Annotated[str, Meta(min_length=6, max_length=40)]
Token = Annotated[str, Meta(min_length=1, max_length=100)]
Locale = Annotated[str, Meta(pattern=r"^(en|de)$")]
Id = Annotated[str, Meta(min_length=1, max_length=64)]


def plain(text: str) -> str:
    """Without blanks at its ends, and one where there were several."""
    return " ".join(text.split())
