"""Servers are made of images that the object store keeps."""

from __future__ import annotations

from pathlib import Path

from tests.life_cloud import MEMBER, LifeCloud
from tests.stored_images import object_store
from wolke.core.db import Database


async def test_a_server_boots_from_an_image_in_the_object_store(database: Database, tmp_path: Path) -> None:
    async with object_store(tmp_path / "store") as driver:
        cloud = LifeCloud(database, tmp_path, image_driver=driver).start()
        await cloud.furnish()
        await cloud.add_host()
        assert await cloud.images.file_path(cloud.image_id) is None
        server = await cloud.create()
        await cloud.settle()
        assert (await cloud.server(server.id)).status == "ACTIVE"
        picture = await cloud.compute.server_actions.create_image(MEMBER, server.id, "picture", {})
        await cloud.settle()
        assert (await cloud.images.image(MEMBER, picture)).status == "active"
        assert {blob.whole for blob in await driver.blobs()} == {True} and len(await driver.blobs()) == 2
