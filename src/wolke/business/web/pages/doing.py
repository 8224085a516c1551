"""What most pages are: show what a few verbs give, or do one with what was typed and go on."""

from __future__ import annotations

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


def does(verb: str, then: str, text: str, **fixed: str) -> Run:
    """Calls ``verb`` with what was typed, says ``text`` and goes to ``then``, which may name places of the path."""

    async def run(ask: Ask) -> Response:
        await ask.call(verb, ask.filled(verb) | fixed if ask.desk.verbs[verb].takes else None)
        return ask.go(then.format(**ask.places), text)

    return run
