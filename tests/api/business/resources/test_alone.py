"""The portal as a process of its own, which shares nothing with the cloud but ``clouds.yaml``; and behind the cloud's own door."""

from __future__ import annotations

import email
import json
import subprocess
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "quiet harbour 41 lanterns"
_PATIENCE_S = 60.0


@dataclass
class Browser:
    """The REST API with a session's cookie."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, self.headers, method=method)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            if cookie := answer.headers.get("Set-Cookie"):
                self.headers["Cookie"] = cookie.split(";")[0]
            raw = answer.read()
        return json.loads(raw) if raw else None

    def sign_in(self, address: str, password: str) -> None:
        signed = self.ask("POST", "/api/v1/session", {"email": address, "password": password})
        self.headers["X-CSRF-Token"] = signed["csrf"]


def eventually(look: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + _PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {_PATIENCE_S:.0f} s: {what}"
        time.sleep(0.1)
    return found


@dataclass
class PortalProcess:
    folder: Path
    url: str
    begin: Callable[[], subprocess.Popen[bytes]]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = self.begin()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(30)

    def mails(self) -> list[str]:
        found = (self.folder / "mail").glob("*.eml")
        return [str(email.message_from_bytes(path.read_bytes()).get_payload()) for path in found]


@pytest.fixture
def portal(
    cloud_process: Any, start_process: Any, free_port: Callable[[], int], tmp_path: Path
) -> Iterator[PortalProcess]:
    folder, listen = tmp_path / "portal", f"127.0.0.1:{free_port()}"

    def begin() -> subprocess.Popen[bytes]:
        words = ("portal", "--cloud", "wolke-admin", "--state", str(folder), "--listen", listen)
        process: subprocess.Popen[bytes] = start_process(
            *words, ready=folder / "wolke.lock", log=tmp_path / "log", OS_CLIENT_CONFIG_FILE=str(cloud_process.clouds)
        )
        return process

    found = PortalProcess(folder, f"http://{listen}", begin)
    found.start()
    try:
        yield found
    finally:
        assert found.process is not None
        found.process.terminate()
        code = found.process.wait(30)
    assert code == 0, (tmp_path / "log").read_text()[-3000:]


def _signed_up(portal: PortalProcess) -> Browser:
    browser = Browser(portal.url)
    wanted = {
        "company": "Kramer GmbH",
        "country": "DE",
        "name": "Kim Kramer",
        "email": "kim@kramer.example",
        "password": PASSWORD,
    }
    browser.ask("POST", "/api/v1/sign-up", wanted)
    (mail,) = eventually(portal.mails, "the mail that confirms the sign-up")
    token = mail.replace("=\n", "").split("/confirm/")[1].split()[0]
    browser.ask("POST", "/api/v1/sign-up/confirm", {"token": token})
    browser.sign_in("kim@kramer.example", PASSWORD)
    return browser


def test_from_sign_up_to_a_server_that_a_killed_portal_does_not_make_twice(
    portal: PortalProcess, cloud_process: Any
) -> None:
    browser = _signed_up(portal)

    def ready() -> Any:
        return next((one for one in browser.ask("GET", "/api/v1/projects")["items"] if one["state"] == "ready"), None)

    project = f"/api/v1/projects/{eventually(ready, 'the project is made')['id']}"
    image = eventually(lambda: browser.ask("GET", "/api/v1/images")["items"], "the images are seen")[0]
    server_product = next(one for one in browser.ask("GET", "/api/v1/shop")["products"] if one["kind"] == "server")
    plan = server_product["plans"][0]
    wanted = {"name": "web", "plan_id": plan["id"], "image_id": image["id"], "public_address": False}
    ordered = browser.ask("POST", f"{project}/servers", wanted)["object_id"]
    portal.kill()
    portal.start()
    server = f"{project}/servers/{ordered}"

    def state(wanted: str) -> Any:
        found = browser.ask("GET", server)
        return found if found["state"] == wanted and not found["doing"] else None

    eventually(lambda: state("running"), "the server runs")
    browser.ask("POST", f"{server}/stop", {})
    eventually(lambda: state("stopped"), "the server has stopped")
    assert _names(cloud_process).count("web") == 1
    browser.ask("DELETE", server, {"name": "web"})
    eventually(lambda: state("gone"), "the server is gone")
    assert "web" not in _names(cloud_process)


def _names(cloud_process: Any) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openstacksdk's own
        connection = cloud_process.connect()
        servers = connection.compute.get("/servers?all_tenants=1").json()["servers"]
        connection.close()
    return [one["name"] for one in servers]


def test_the_first_administrator_signs_in_with_what_the_state_directory_says(portal: PortalProcess) -> None:
    path = portal.folder / "portal.json"
    assert path.stat().st_mode & 0o777 == 0o600
    said = json.loads(path.read_text())
    browser = Browser(portal.url)
    browser.sign_in(said["administrator"], said["password"])
    fleet = browser.ask("GET", "/api/v1/provider/fleet")
    assert fleet["down"] == 0 and fleet["stuck_count"] == 0 and fleet["vcpus"] > 0


def test_a_browser_finds_the_portal_at_the_clouds_address_and_a_program_the_services(cloud_process: Any) -> None:
    auth_url = json.loads(cloud_process.clouds.read_text())["clouds"]["wolke-admin"]["auth"]["auth_url"]
    url = auth_url.removesuffix("/identity/v3")
    page = urllib.request.Request(f"{url}/", headers={"Accept": "text/html,application/xhtml+xml"})
    with urllib.request.urlopen(page, timeout=60) as answer:
        assert answer.headers["Content-Type"].startswith("text/html")
    with urllib.request.urlopen(f"{url}/", timeout=30) as answer:
        assert "identity" in json.loads(answer.read())["services"]
    with urllib.request.urlopen(f"{url}/api/v1/openapi.json", timeout=30) as answer:
        assert json.loads(answer.read())["openapi"] == "3.1.0"
    with pytest.raises(urllib.error.HTTPError) as missing:
        urllib.request.urlopen(f"{url}/compute/v2.1/nothing", timeout=30)
    assert missing.value.code == 404 and "itemNotFound" in json.loads(missing.value.read())
