"""An administrator's line to a running cloud, for one who must be able to stop in the middle of a sentence."""

from __future__ import annotations

import contextlib
import http.client
import json
from typing import Any

from tests.clients.running_cloud import RunningCloud


class Door:
    def __init__(self, cloud: RunningCloud) -> None:
        self._address = cloud.listen
        self._token = ""
        auth = json.loads((cloud.state / "clouds.yaml").read_text())["clouds"]["wolke-admin"]["auth"]
        user = {"name": auth["username"], "domain": {"id": "default"}, "password": auth["password"]}
        scope = {"project": {"name": auth["project_name"], "domain": {"id": "default"}}}
        identity = {"methods": ["password"], "password": {"user": user}}
        answer, _ = self.call("POST", "/identity/v3/auth/tokens", {"auth": {"identity": identity, "scope": scope}})
        self._token = answer.headers["x-subject-token"]

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._address, timeout=30)

    def call(self, method: str, path: str, body: Any = None, content: bytes | None = None) -> Any:
        with contextlib.closing(self.connect()) as line:
            kind = "application/json" if content is None else "application/octet-stream"
            sent = content if content is not None else json.dumps(body) if body is not None else None
            line.request(method, path, sent, {"content-type": kind, "x-auth-token": self._token})
            answer = line.getresponse()
            return answer, answer.read()

    def image(self, image_id: str) -> Any:
        return json.loads(self.call("GET", f"/image/v2/images/{image_id}")[1])

    def begin(self, image_id: str, size: int, first: bytes) -> http.client.HTTPConnection:
        """An upload of ``size`` bytes that says no more than ``first``."""
        line = self.connect()
        line.putrequest("PUT", f"/image/v2/images/{image_id}/file")
        headers = {"content-type": "application/octet-stream", "content-length": size, "x-auth-token": self._token}
        for name, value in headers.items():
            line.putheader(name, str(value))
        line.endheaders(first)
        return line

    def json(self, method: str, path: str, body: Any = None) -> Any:
        answer, content = self.call(method, path, body)
        assert answer.status < 300, (method, path, answer.status, content)
        return json.loads(content) if content else None
