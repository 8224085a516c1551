"""The state directory: everything that one cloud keeps on this machine, in one folder that nobody else can read.

wolke.lock       held by the process that runs here; says its process id and where it listens
wolke.db         the embedded database
secrets.json     passwords made at the first start
portal.json      how the point of purchase's first administrator signs in, and the key of what it seals
business.db      the point of purchase's database
clouds.yaml      for openstack, openstacksdk and everything that reads the same file
keys/ tls/       token keys, certificate
objects/         the object store, a folder for each storage policy
images/          the Image service's files
host/            this host's guests, image cache and network
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PASSWORD_BYTES = 18
_SAID_BYTES = 512  # written in one go, so that a reader never sees half


class StateError(Exception):
    """Something about the state directory that the person at the keyboard can mend."""


@dataclass(frozen=True, slots=True)
class Running:
    """The process that holds a state directory."""

    pid: int
    url: str
    ready: bool  # it answers; before that it is starting
    object_store: str = ""  # where its process serves; empty: there is none


@dataclass(frozen=True, slots=True)
class Secrets:
    """Made once, kept 0600, never logged."""

    admin_password: str
    member_password: str
    agent_password: str

    def __repr__(self) -> str:
        return "Secrets(…)"


@dataclass(frozen=True, slots=True)
class PortalSecrets:
    """The point of purchase's, made at its first start. ``secret``: 32 bytes as hexadecimal digits."""

    administrator: str
    password: str
    secret: str

    def __repr__(self) -> str:
        return "PortalSecrets(…)"


def default_directory() -> Path:
    """``$WOLKE_STATE``, else the system's place for root, else the user's own."""
    if named := os.environ.get("WOLKE_STATE"):
        return Path(named)
    if os.geteuid() == 0:
        return Path("/var/lib/wolke")
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(home) / "wolke"


class StateDirectory:
    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def make(self) -> None:
        try:
            self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
            # Guests run under users of their own and must reach their own folder, but may list nothing on the way.
            self.path.chmod(0o711)
            for name in ("keys", "tls"):
                (self / name).mkdir(mode=0o700, exist_ok=True)
            for name in ("images", "host"):
                (self / name).mkdir(mode=0o711, exist_ok=True)
        except OSError as error:
            raise StateError(f"cannot use {self.path} as the state directory: {error.strerror}") from None

    # -- who runs here

    def acquire(self, url: str) -> None:
        """Hold the directory until the process ends; ``StateError`` names who holds it already."""
        lock = os.open(self / "wolke.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            other = self.running()
            who = f"process {other.pid} at {other.url}" if other else "another process"
            raise StateError(
                f"a cloud already runs in {self.path}: {who}. Stop it with `wolke down --state {self.path}`, "
                "or give this one a directory of its own with --state."
            ) from None
        self._lock = lock
        self.say(url, ready=False)

    def say(self, url: str, *, ready: bool, object_store: str = "") -> None:
        """What others read of the process that holds the directory."""
        if self._lock is None:
            raise StateError("the state directory is not held")
        said = {"pid": os.getpid(), "url": url, "ready": ready, "object_store": object_store}
        text = json.dumps(said).encode()
        os.pwrite(self._lock, text.ljust(_SAID_BYTES), 0)

    def release(self) -> None:
        if self._lock is not None:
            os.truncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None

    def running(self) -> Running | None:
        """Who holds the directory now. What a process left behind when it was killed does not count."""
        try:
            lock = os.open(self / "wolke.lock", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._said(lock)
        finally:
            os.close(lock)
        return None

    @staticmethod
    def _said(lock: int) -> Running | None:
        try:
            said = json.loads(os.pread(lock, 4096, 0))
            return Running(int(said["pid"]), str(said["url"]), said["ready"] is True, str(said["object_store"]))
        except (ValueError, KeyError, TypeError):
            return None

    # -- what is kept

    def secrets(self) -> Secrets:
        path = self / "secrets.json"
        if not path.exists():
            made = {name: secrets.token_urlsafe(_PASSWORD_BYTES) for name in Secrets.__dataclass_fields__}
            write_private(path, json.dumps(made, indent=1) + "\n")
        try:
            return Secrets(**json.loads(path.read_text()))
        except (ValueError, TypeError):
            raise StateError(f"{path} is damaged: it should hold {', '.join(Secrets.__dataclass_fields__)}") from None

    def portal_secrets(self) -> PortalSecrets:
        path = self / "portal.json"
        if not path.exists():
            made = {
                "administrator": "admin@wolke.local", "password": secrets.token_urlsafe(_PASSWORD_BYTES), "secret": secrets.token_hex(32),
            }  # fmt: skip
            write_private(path, json.dumps(made, indent=1) + "\n")
        try:
            return PortalSecrets(**json.loads(path.read_text()))
        except (ValueError, TypeError):
            raise StateError(
                f"{path} is damaged: it should hold {', '.join(PortalSecrets.__dataclass_fields__)}"
            ) from None

    def write_clouds(self, url: str, certificate: Path | None) -> Path:
        made = self.secrets()
        path = self / "clouds.yaml"
        clouds = {
            "wolke-admin": _cloud(url, "admin", made.admin_password, "admin", certificate),
            "wolke": _cloud(url, "demo", made.member_password, "demo", certificate),
        }
        # JSON is YAML, so no library is needed to write it; it is laid out to be read.
        write_private(path, json.dumps({"clouds": clouds}, indent=2) + "\n")
        return path


def _cloud(url: str, user: str, password: str, project: str, certificate: Path | None) -> dict[str, Any]:
    cloud: dict[str, Any] = {
        "auth": {
            "auth_url": f"{url}/identity/v3",
            "username": user,
            "password": password,
            "project_name": project,
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        },
        "region_name": "RegionOne",
        "identity_api_version": "3",
    }
    return cloud if certificate is None else cloud | {"cacert": str(certificate)}


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, and for the owner alone from its first byte."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)
