"""What a verb gives as a file, to be kept."""

from __future__ import annotations

from wolke.business.verb import File
from wolke.business.web.page import Ask, Run
from wolke.core.http import Response


def download(verb: str) -> Run:
    async def run(ask: Ask) -> Response:
        asked = dict(ask.request.query.pairs) if ask.desk.verbs[verb].takes is not None else None
        found: File = await ask.call(verb, asked)
        name = "".join(c if c.isalnum() or c in "-_." else "-" for c in found.name)
        return Response(
            200, found.content, content_type=found.media_type,
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Content-Security-Policy": "default-src 'none'; sandbox"},
        )  # fmt: skip

    return run
