"""The production file as a whole, by the real Compose: secrets, order, health, TLS, PostgreSQL, Redis and the watchers.

pytest -s -m slow tests/compose/test_production.py
"""

import json
import platform
import shutil
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any

import pytest

from tests.compose.health import checked
from tests.compose.others import BESIDE
from tests.compose.podman import FACTS, IMAGE, ROOT, Podman, Stack
from tests.compose.secrets import draw_secrets
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(2400)]

HOST = platform.node()
OVERRIDE = f"""services:
  prepare: {{image: {IMAGE}}}
  cluster: {{image: {IMAGE}, init: false}}
{BESIDE}"""
"""podman's init is a package of its own, too."""
UP = ("up", "--detach", "--no-build", "--wait", "--wait-timeout", "180")
WATCHED = {"cluster", "proxy", "postgres", "redis", "prometheus", "alertmanager"}


@pytest.fixture(scope="module")
def stack(others: Podman, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("production")
    shutil.copytree(ROOT / "config", folder / "config")
    shutil.copy(ROOT / "docker-compose.prod.yml", folder)
    draw_secrets(folder)
    one = Stack(others, folder / "docker-compose.prod.yml", OVERRIDE)
    with checked(others):
        yield one
        one.compose("down", "--volumes", "--timeout", "60", seconds=180)


class Browser:
    """Calls over TLS as one from another machine would, with the certificate of the secrets and nothing else trusted."""

    def __init__(self, stack: Stack) -> None:
        self._engine = stack.engine
        self._secrets = stack.file.parent / "secrets"
        self._more: list[str] = []

    def asked(self, path: str, given: object = None, *more: str, port: int = 443) -> Any:
        trusted = ("--cacert", str(self._secrets / "tls.crt"), "--resolve", f"{HOST}:{port}:127.0.0.1")
        named = HOST if port == 443 else f"{HOST}:{port}"
        return self._engine.asked(f"https://{named}{path}", given, *trusted, *self._more, *more)

    def sign_in(self) -> None:
        self._more = ["-H", f"Origin: https://{HOST}"]
        words = {"username": "admin", "password": (self._secrets / "admin-password").read_text().strip()}
        told = self.asked("/api/v1/auth/login", words, "--include")
        head, _, body = told.replace("\r", "").partition("\n\n")
        (line,) = (line for line in head.splitlines() if line.lower().startswith("set-cookie:"))
        (cookie,) = SimpleCookie(line.partition(":")[2].strip()).values()
        assert cookie.key.startswith("__Host-")
        self._more += ["-H", f"Cookie: {cookie.key}={cookie.value}", "-H", f"X-CSRF-Token: {json.loads(body)['csrf']}"]


def start(stack: Stack, what: str) -> Browser:
    since = time.monotonic()
    stack.compose(*UP, seconds=300)
    FACTS[f"production: {what}"] = f"{time.monotonic() - since:.1f} s"
    browser = Browser(stack)
    browser.sign_in()
    return browser


def targets(stack: Stack) -> dict[str, str]:
    told = json.loads(stack.engine.asked("http://127.0.0.1:9090/api/v1/targets"))["data"]["activeTargets"]
    return {one["labels"]["process"]: one["health"] for one in told}


def test_all_of_it_starts_in_its_order_and_is_found_again_after_all_was_killed(stack: Stack) -> None:
    browser = start(stack, "first start")
    seen = [json.loads(line) for line in stack.compose("ps", "--format", "json").splitlines()]
    assert {one["Service"] for one in seen if one["Health"] == "healthy"} == WATCHED

    # The database is PostgreSQL: what people do stands there.
    made = json.loads(browser.asked("/api/v1/keys", {"name": "phone"}))
    names = "psql -U cluster -d cluster -Atc 'SELECT name FROM api_keys'"
    assert "phone" in stack.inside("postgres", "setpriv", "--reuid=postgres", "--clear-groups", "sh", "-c", names)

    # Models over TLS: a stranger is asked for a key, although the proxy calls from this machine.
    with pytest.raises(AssertionError, match="401"):
        browser.asked("/v1/models", port=11443)
    bearer = ("-H", f"Authorization: Bearer {made['secret']}")
    models = until(
        lambda: json.loads(browser.asked("/v1/models", None, *bearer, port=11443))["data"],
        seconds=120, what="a model is there", bears=(AssertionError,),
    )  # fmt: skip
    name = next(one["id"] for one in models if "smol" in one["id"])
    asked = {"model": name, "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8}
    assert json.loads(browser.asked("/v1/chat/completions", asked, *bearer, port=11443))["choices"]

    until(lambda: targets(stack) == dict.fromkeys(("backend", "gateway", "node"), "up"), seconds=90, what="all scraped")
    backup = json.loads(browser.asked("/api/v1/backups", {}))
    assert backup["verified"]

    stack.engine.run("kill", "--all", "--signal", "KILL")
    browser = start(stack, "start after all of it was killed")
    assert "phone" in browser.asked("/api/v1/keys")
    assert backup["name"] in browser.asked("/api/v1/backups")
