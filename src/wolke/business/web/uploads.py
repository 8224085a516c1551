"""Files that go up into object storage from a page: the same verb as the API's, told in words that the page shows beside the file."""

from __future__ import annotations

from wolke.business.api import carried
from wolke.business.errors import BusinessError, Invalid
from wolke.business.web.page import Ask, Page
from wolke.core.errors import CloudError
from wolke.core.http import Response


async def upload(ask: Ask) -> Response:
    """``folder`` and ``name`` in the address; the body is the file, a piece at a time."""
    try:
        await _upload(ask)
    except CloudError as error:
        text = error.text if isinstance(error, BusinessError) else error.message
        values = error.values if isinstance(error, BusinessError) else {}
        if isinstance(error, BusinessError) and error.fields:
            text, values = next(iter(error.fields.values())), {}
        said = ask.words.sentence(text, **values)
        return Response(error.status, said.encode(), content_type="text/plain; charset=utf-8")
    return Response(201)


async def _upload(ask: Ask) -> None:
    query = ask.request.query
    folder, name = query.get("folder") or "", query.get("name") or ""
    if not name or len(folder + name) > 1000 or "/" in name:
        raise Invalid("This file has a name that cannot be kept. Please give it another one.")
    verb = ask.desk.verbs["objects.put"]
    await ask.call(verb.name, carried(verb, {"name": folder + name}, ask.request))


PAGES = (Page("PUT", "/storage/{container}/upload", upload, body_bytes=None),)
