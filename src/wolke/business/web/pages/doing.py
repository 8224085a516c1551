"""What most pages are: show what a few verbs give, or do one with what was typed and go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wolke.business.money import typed
from wolke.business.web.listing import listed
from wolke.business.web.page import Ask, Run
from wolke.core.http import Response


def shows(template: str, /, **verbs: str) -> Run:
    """Draws ``template`` with what each verb gives, under the name that it has here."""

    async def run(ask: Ask) -> Response:
        values = {name: await ask.call(verb) for name, verb in verbs.items()}
        return ask.draw(template, **values)

    return run


def lists(template: str, verb: str, default: str = "", *more: str, **also: str) -> Run:
    """Draws ``template`` with a page of the verb's rows as ``listed``. ``more``: what else the address may say; ``also``: as in ``shows``."""

    async def run(ask: Ask) -> Response:
        found = await listed(ask, verb, default=default, more=more)
        values = {name: await ask.call(one) for name, one in also.items()}
        return ask.draw(template, listed=found, **values)

    return run


def does(verb: str, then: str, text: str, *, figures: Sequence[str] = (), **fixed: str) -> Run:
    """Calls ``verb`` with what was typed, says ``text`` and goes to ``then``, which may name places of the path. ``figures``: fields with money in them."""

    async def run(ask: Ask) -> Response:
        await ask.call(verb, figured(ask.filled(verb), *figures) | fixed if ask.desk.verbs[verb].takes else None)
        return ask.go(then.format(**ask.places), text)

    return run


def figured(given: dict[str, Any], *names: str, behind: int = 2) -> dict[str, Any]:
    """``given``, with those figures as verbs take them, however people write them (``1.234,50``); what is no figure stays for the verb to refuse."""
    found = dict(given)
    for name in names:
        try:
            found[name] = format(typed(str(given.get(name, "")), behind), "f")
        except ValueError:
            continue
    return found
