"""The two that are compared: a cloud without machines, and nginx serving the same bytes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_seconds(pids: list[int]) -> float:
    """User and system time that processes have used so far."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


class Cloud:
    """``wolke up`` with simulated machines, in a state directory of its own."""

    def __init__(self, state: Path, *arguments: str) -> None:
        self.state = state
        self.url = f"http://127.0.0.1:{free_port()}"
        self._arguments = arguments or ("--hypervisor", "simulated", "--dataplane", "simulated")
        self.first_token_s = 0.0

    def __enter__(self) -> Cloud:
        listen = self.url.removeprefix("http://")
        command = [sys.executable, "-m", "wolke", "up", "--state", str(self.state), "--listen", listen]
        started = time.monotonic()
        self.log = (self.state.parent / f"{self.state.name}.log").open("ab")
        self.process = subprocess.Popen(
            [*command, "--log-level", "warning", *self._arguments], stdout=self.log, stderr=self.log
        )
        deadline = started + 60
        while True:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the cloud did not start: {Path(self.log.name).read_text()[-2000:]}")
            try:
                self.token = self.issue()
                break
            except (OSError, KeyError, urllib.error.URLError):
                time.sleep(0.005)
        self.first_token_s = time.monotonic() - started
        return self

    def __exit__(self, *error: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(150)  # a guest that does not listen is given a minute
        self.log.close()

    def secrets(self) -> dict[str, str]:
        return json.loads((self.state / "secrets.json").read_text())

    def issue(self, user: str = "admin", project: str = "admin") -> str:
        password = self.secrets_or_wait()[{"admin": "admin_password", "demo": "member_password"}[user]]
        domain = {"id": "default"}
        who = {"user": {"name": user, "domain": domain, "password": password}}
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": who},
                "scope": {"project": {"name": project, "domain": domain}},
            }
        }
        request = urllib.request.Request(
            f"{self.url}/identity/v3/auth/tokens", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.headers["X-Subject-Token"])

    def secrets_or_wait(self) -> dict[str, str]:
        path = self.state / "secrets.json"
        if not path.exists():
            raise OSError("not yet")
        return self.secrets()

    def call(self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str) -> Any:
        sent = {"x-auth-token": token or self.token, "content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, sent, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            raw = answer.read()
        return json.loads(raw) if raw else None


class Nginx:
    """One worker, files from memory (the page cache), keep-alive: the floor of what HTTP costs here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.binary = shutil.which("nginx") or "/usr/sbin/nginx"

    def __enter__(self) -> Nginx:
        (self.folder / "files").mkdir(parents=True)
        (self.folder / "nginx.conf").write_text(
            f"""
            daemon off; worker_processes 1; pid {self.folder}/pid; error_log {self.folder}/error.log;
            user root;
            events {{ worker_connections 512; }}
            http {{
              access_log off; sendfile on; keepalive_requests 1000000; default_type application/json;
              client_body_temp_path {self.folder}/a; proxy_temp_path {self.folder}/b; fastcgi_temp_path {self.folder}/c;
              uwsgi_temp_path {self.folder}/d; scgi_temp_path {self.folder}/e;
              client_max_body_size 0;
              server {{
                listen 127.0.0.1:{self.port}; root {self.folder}/files;
                location /uploads/ {{ dav_methods PUT; create_full_put_path on; }}
              }}
            }}"""
        )
        self.process = subprocess.Popen([self.binary, "-c", str(self.folder / "nginx.conf")], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        return self

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait(10)

    def pids(self) -> list[int]:
        me = self.process.pid
        children = Path(f"/proc/{me}/task/{me}/children").read_text().split()
        return [me, *map(int, children)]

    def serve(self, name: str, content: bytes) -> str:
        (self.folder / "files" / name).write_bytes(content)
        return f"/{name}"
