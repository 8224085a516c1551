"""The pages: what people see of the point of purchase. Written by the server, whole without a script, quicker with one.

A page is a row (``page.Page``) in one of the tables of ``pages``; what it shows and does goes through ``Desk.call`` like every other way in, so
that a page may nothing that the REST API may not. Templates are Jinja with autoescape, forms carry a token, and the Content-Security-Policy
allows no script or style but our own files.
"""

from __future__ import annotations

from wolke.business.web.door import build_door

__all__ = ["build_door"]
