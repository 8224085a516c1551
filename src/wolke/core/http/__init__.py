"""HTTP: the route table, and the one application that serves every service under its path prefix.

A service's API is a tuple of ``Route`` rows. The application finds the row, makes the ``Context``, negotiates the
microversion, asks the policy, checks the body, calls the handler and spells its answer or its error; a handler is ten lines
that turn names on the wire into the arguments of a verb.
"""

from __future__ import annotations

from wolke.core.http.application import Api, Application
from wolke.core.http.door import Door
from wolke.core.http.messages import PARTS, WHOLE, ClientGone, FilePart, Params, Request, Response
from wolke.core.http.routes import Route

__all__ = [
    "PARTS",
    "WHOLE",
    "Api",
    "Application",
    "ClientGone",
    "Door",
    "FilePart",
    "Params",
    "Request",
    "Response",
    "Route",
]
