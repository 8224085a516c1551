"""``/v1/account/container/object``: the data, its metadata and its versions."""

from __future__ import annotations

from wolke.object_store.api.objects.delete import delete
from wolke.object_store.api.objects.read import get, head
from wolke.object_store.api.objects.update import post
from wolke.object_store.api.objects.write import put

TABLE = {"GET": get, "HEAD": head, "PUT": put, "POST": post, "DELETE": delete}
