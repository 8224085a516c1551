"""A running cloud as people who keep things in its object store have it: the stock programs, what they are told, and folders to keep."""

from __future__ import annotations

import filecmp
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.clients.running_cloud import BIN, LIMIT_S, RunningCloud, eventually

FULL = bool(os.environ.get("CI_FULL"))
MIB = 1 << 20
REGION = "RegionOne"
NEEDED = ("rclone", "restic", "s3cmd")


@dataclass
class ObjectCloud(RunningCloud):
    """Nothing in it but the object store is of use, so its guests and networks are simulated."""

    listen: str = "127.0.0.1:8865"
    arguments: tuple[str, ...] = ("--hypervisor", "simulated", "--dataplane", "simulated")
    home: Path = field(default_factory=Path)

    @property
    def store_url(self) -> str:
        return str(json.loads((self.state / "wolke.lock").read_text())["object_store"])

    @cached_property
    def auth(self) -> dict[str, str]:
        return dict(json.loads((self.state / "clouds.yaml").read_text())["clouds"]["wolke"]["auth"])

    @cached_property
    def keys(self) -> tuple[str, str]:
        """S3's, of the project's own user."""
        connection = self.connect()
        try:
            body = {"tenant_id": connection.current_project_id}
            answer = connection.identity.post(f"/users/{connection.current_user_id}/credentials/OS-EC2", json=body)
            assert answer.status_code == 201, answer.text
            made = answer.json()["credential"]
        finally:
            connection.close()
        return made["access"], made["secret"]

    def variables(self) -> dict[str, str]:
        """Each client's own way of being told where the store is and who asks; nothing of this machine's settings."""
        others = ("AWS_", "OS_", "ST_", "RCLONE_", "RESTIC_", "HTTP_", "HTTPS_", "ALL_", "NO_", "SSL_", "REQUESTS_")
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(others)}
        access, secret = self.keys
        return kept | {f"OS_{name.upper()}": value for name, value in self.auth.items()} | {
            "HOME": str(self.home), "PYTHONWARNINGS": "ignore",
            "OS_IDENTITY_API_VERSION": "3", "OS_REGION_NAME": REGION,
            "AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret, "AWS_DEFAULT_REGION": REGION,
            "RCLONE_CONFIG": "", "RCLONE_CONFIG_SWIFT_TYPE": "swift", "RCLONE_CONFIG_SWIFT_ENV_AUTH": "true",
            "RCLONE_CONFIG_S3_TYPE": "s3", "RCLONE_CONFIG_S3_PROVIDER": "Other", "RCLONE_CONFIG_S3_ENV_AUTH": "true",
            "RCLONE_CONFIG_S3_ENDPOINT": self.store_url, "RCLONE_CONFIG_S3_REGION": REGION,
            "RESTIC_PASSWORD": "correct horse", "RESTIC_PROGRESS_FPS": "0",
        }  # fmt: skip

    def popen(self, *command: str | Path, **more: Any) -> subprocess.Popen[str]:
        found = shutil.which(str(command[0]), path=f"{BIN}{os.pathsep}{os.environ['PATH']}")
        assert found, command[0]
        return subprocess.Popen(
            [found, *map(str, command[1:])], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, env=self.variables(), **more,
        )  # fmt: skip

    def run(self, *command: str | Path, **more: Any) -> str:
        """What the program says, which must end well."""
        return self.finish(self.popen(*command, **more))

    def finish(self, process: subprocess.Popen[str]) -> str:
        said, _ = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, f"{process.args}: {said[-3000:]}"
        return said

    def s3cmd(self, *words: str | Path) -> str:
        host = self.store_url.removeprefix("http://")
        access, secret = self.keys
        how = (f"--host={host}", f"--host-bucket={host}", f"--region={REGION}", "--no-ssl", "--no-progress")
        return self.run("s3cmd", f"--access_key={access}", f"--secret_key={secret}", *how, *words)

    def boto(self, *, signed: bool = True) -> Any:
        """A client of S3, to be closed."""
        import boto3
        from botocore import UNSIGNED
        from botocore.config import Config

        access, secret = self.keys
        config = Config(signature_version=None if signed else UNSIGNED, s3={"addressing_style": "path"})
        return boto3.session.Session(access, secret, region_name=REGION).client(
            "s3", endpoint_url=self.store_url, config=config
        )

    # -- its process

    def store_pid(self) -> int:
        """Of the store's process, as soon as there is one."""
        return eventually(self._store_pid, "the object store has a process", 30, 0.02)

    def _store_pid(self) -> int:
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return next((int(pid) for pid in children if _runs(pid, "wolke.store_process")), 0)

    def kill_store(self) -> None:
        """kill -9; what follows is for the cloud to do."""
        before = self.store_pid()
        os.kill(before, signal.SIGKILL)
        eventually(lambda: self._store_pid() not in (0, before), "the object store is started again", 30, 0.02)


def _runs(pid: str, module: str) -> bool:
    try:
        return module in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


# -- folders


def folder_of(root: Path, files: int, *, largest: int = 2048, seed: int = 1) -> Path:
    """``files`` files of random bytes, empty to ``largest``, a hundred a folder, some with names that need care."""
    chance = random.Random(seed)
    for number in range(files):
        folder = root / f"{number // 100:03d}"
        if number % 100 == 0:
            folder.mkdir(parents=True)
        name = f"{number % 100:02d} ä+&%=#?.bin" if number % 100 == 7 else f"{number % 100:02d}.bin"
        (folder / name).write_bytes(chance.randbytes(chance.randrange(largest)))
    return root


def file_of(path: Path, octets: int, seed: int = 2) -> Path:
    """Random, and no two blocks the same."""
    chance = random.Random(seed)
    with path.open("wb") as file:
        for start in range(0, octets, MIB):
            file.write(chance.randbytes(min(MIB, octets - start)))
    return path


def assert_same(one: Path, other: Path) -> None:
    """The same names, and under each the same bytes."""
    names = _names(one)
    assert names == _names(other)
    differing = [name for name in names if not filecmp.cmp(one / name, other / name, shallow=False)]
    assert differing == []


def _names(root: Path) -> list[Path]:
    return sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())


def sha256(content: bytes | Path) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def boto(cloud: ObjectCloud, *, signed: bool = True) -> Iterator[Any]:
    client = cloud.boto(signed=signed)
    try:
        yield client
    finally:
        client.close()


def plain(method: str, url: str, **more: Any) -> tuple[int, bytes]:
    """By somebody who shows nothing but the URL: status and body."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(method, url, timeout=60, **more)
        return answer.status_code, answer.content
