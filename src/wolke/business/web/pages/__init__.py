"""All pages, from every room's table."""

from __future__ import annotations

from wolke.business.web import live, uploads
from wolke.business.web.page import Page
from wolke.business.web.pages import (
    account,
    billing,
    books,
    company,
    home,
    look,
    money,
    network,
    prices,
    provider,
    servers,
    sign_in,
    sign_up,
    storage,
    tickets,
)

ROOMS = (
    home,
    look,
    sign_up,
    sign_in,
    account,
    company,
    tickets,
    servers,
    storage,
    network,
    money,
    provider,
    prices,
    billing,
    books,
    live,
    uploads,
)
PAGES: tuple[Page, ...] = tuple(page for room in ROOMS for page in room.PAGES)
