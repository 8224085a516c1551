"""A cloud that stands in ``clouds.yaml``, asked with an administrator's credentials or with those of one project.

Questions are plain functions that block; they run in a few threads of the window's own, and so a cloud that is slow holds nobody up but
those who ask it. openstacksdk is loaded with the first question.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from wolke.business.errors import CloudUnreachable
from wolke.business.openstack.line import Line
from wolke.business.openstack.project import ProjectSide
from wolke.business.openstack.provider import ProviderSide
from wolke.business.openstack.shapes import Credentials

T = TypeVar("T")
_THREADS, _CARRIERS, _LINES, _TIMEOUT_S = 8, 4, 64, 30.0


class CloudWindow:
    """``cloud``: its name in the file; ``file`` None: wherever OpenStack's clients look for theirs."""

    def __init__(self, cloud: str, file: Path | None = None) -> None:
        self._cloud, self._file = cloud, file
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="cloud")
        self._carriers = ThreadPoolExecutor(_CARRIERS, thread_name_prefix="cloud-carrier")
        self._lines: OrderedDict[Credentials | None, Line] = OrderedDict()
        self._lock = threading.Lock()

    async def provider(self, ask: Callable[[ProviderSide], T]) -> T:
        """With the administrator's credentials."""
        return await self._run(self._threads, None, lambda line: ask(ProviderSide(line)))

    async def project(self, credentials: Credentials, ask: Callable[[ProjectSide], T], *, carries: bool = False) -> T:
        """``carries``: many bytes, for which there are threads beside the others, so that nobody waits for them."""
        threads = self._carriers if carries else self._threads
        return await self._run(threads, credentials, lambda line: ask(ProjectSide(line, credentials.cloud_project_id)))

    async def chunks(self, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
        """What a question has left to come, as it comes."""
        loop = asyncio.get_running_loop()
        while chunk := await loop.run_in_executor(self._carriers, next, chunks, b""):
            yield chunk

    async def close(self) -> None:
        """Lets go of its threads and connections. Whoever still waits for an answer gets none."""
        for threads in (self._threads, self._carriers):
            threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            lines, self._lines = list(self._lines.values()), OrderedDict()
        for line in lines:
            line.close()

    async def _run(self, threads: ThreadPoolExecutor, credentials: Credentials | None, ask: Callable[[Line], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, partial(self._asked, credentials, ask))

    def _asked(self, credentials: Credentials | None, ask: Callable[[Line], T]) -> T:
        return ask(self._line(credentials))

    def _line(self, credentials: Credentials | None) -> Line:
        """Kept for the next question; of too many, the one that was not used for longest goes."""
        with self._lock:
            line = self._lines.get(credentials)
            if line is None:
                line = self._lines[credentials] = Line(self._connect(credentials))
            self._lines.move_to_end(credentials)
            old = [key for key in self._lines if key is not None][: max(0, len(self._lines) - _LINES)]
            for key in old:
                del self._lines[key]
            return line

    def _connect(self, credentials: Credentials | None) -> Any:
        """Asks nothing yet."""
        from keystoneauth1.identity.v3 import Password
        from openstack.config import OpenStackConfig
        from openstack.config.cloud_region import from_session
        from openstack.connection import Connection
        from openstack.exceptions import SDKException

        files = [str(self._file)] if self._file is not None else None
        try:
            region = OpenStackConfig(config_files=files, load_envvars=False).get_one(
                cloud=self._cloud, api_timeout=_TIMEOUT_S
            )
            if credentials is None:
                return Connection(config=region)
            session = region.get_session()
            auth = Password(
                auth_url=region.get_auth_args()["auth_url"], user_id=credentials.cloud_user_id, password=credentials.password,
                project_id=credentials.cloud_project_id,
            )  # fmt: skip
            session.auth = auth
            more = {"interface": region.config["interface"]} if region.config.get("interface") else {}
            own = from_session(session, region_name=region.region_name, app_name="wolke-portal", **more)
        except (SDKException, OSError, KeyError) as error:
            raise CloudUnreachable("The cloud does not answer just now. We keep trying.") from error
        return Connection(config=own)
