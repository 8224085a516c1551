"""Consoles in a browser: a page for each kind, and the WebSocket behind it that carries bytes to and from the guest.

The token in the URL is the only key; it is looked up by its hash, and opens one kind of console of one server for a while.
"""

from __future__ import annotations

from wolke.compute.consoles.pages import build_console_api
from wolke.compute.consoles.sockets import ConsoleSockets

__all__ = ["SOCKET_PREFIX", "ConsoleSockets", "build_console_api"]

SOCKET_PREFIX = "/console/"
