"""An image service with a file driver, and people who speak to it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from wolke.core.clock import Clock
from wolke.core.db import Database
from wolke.core.http import Application
from wolke.image.api import build_api
from wolke.image.config import ImageConfig
from wolke.image.drivers.file import FileDriver
from wolke.image.reconcile import build_loop
from wolke.image.service import Images


class ImageCloud:
    """The service, and ``admin``, ``member``, ``reader``, ``other``, ``agent`` as clients."""

    def __init__(self, service: Images, client: Any) -> None:
        self.service = service
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return self._client.using(name)

    async def settle(self) -> None:
        await build_loop(self.service).drain()

    def stored(self) -> list[str]:
        return sorted(path.name for path in self.service.driver.directory.iterdir())

    async def image(self, data: bytes | None = None, who: Any = None, **fields: Any) -> dict[str, Any]:
        """An image, active if there is data."""
        who = who or self.member
        body = {"name": "disk", "disk_format": "raw", "container_format": "bare", **fields}
        created = await who.post("/v2/images", body)
        assert created.status == 201, created.body
        if data is not None:
            answer = await self.upload(created.json["id"], data, who)
            assert answer.status == 204, answer.body
        return (await who.get(f"/v2/images/{created.json['id']}")).json

    async def upload(self, image_id: str, data: bytes | list[bytes], who: Any = None, **headers: str) -> Any:
        sent = {"content-type": "application/octet-stream", **headers}
        return await (who or self.member).put(f"/v2/images/{image_id}/file", content=data, headers=sent)

    async def patch(self, image_id: str, *operations: Any, who: Any = None) -> Any:
        sent = {"content-type": "application/openstack-images-v2.1-json-patch"}
        return await (who or self.member).patch(f"/v2/images/{image_id}", list(operations), headers=sent)


@pytest.fixture
def image_config() -> ImageConfig:
    return ImageConfig()


@pytest.fixture
def images(
    database: Database, tmp_path: Path, image_config: ImageConfig, asgi_client: Any, stand_in: Any
) -> ImageCloud:
    service = Images(database, image_config, Clock(), FileDriver(tmp_path / "images"))
    return ImageCloud(service, asgi_client(Application([build_api(service)], stand_in), "/image"))


@pytest.fixture
def qemu_image(tmp_path: Path) -> Any:
    """``qemu_image("qcow2", "-b", …)`` is the content of an image of 1 MiB as qemu-img makes it."""

    def make(disk_format: str, *more: str) -> bytes:
        path = tmp_path / "made"
        path.unlink(missing_ok=True)
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", disk_format, *more, str(path), "1M"], check=True, cwd=tmp_path
        )
        return path.read_bytes()

    return make
