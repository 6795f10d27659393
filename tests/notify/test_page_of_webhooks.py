"""What the page shows is run: both ways to verify take what we send, and nothing else."""

import asyncio
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from cluster_ai.notify import forms
from cluster_ai.notify.forms import Carried
from cluster_ai.notify.outbound import AT_ONCE, LEASE_SECONDS
from cluster_ai.notify.retrying import DELAYS, JITTER
from cluster_ai.notify.sending import EXCERPT_BYTES, SECONDS
from cluster_ai.notify.signing import secret_of
from cluster_ai.notify.types import MOST_ENDPOINTS, NotifySettings
from tests.notify.conftest import Desk, Scene, receiving

PAGE = (Path(__file__).parents[2] / "docs/reference/webhooks.md").read_text(encoding="utf-8")
SECRET = secret_of(bytes(range(32)))
EVENT = Carried("event-1", "ticket.failed", "t1", '{"id":"event-1","word":"ação"}')


def block(language: str, holding: str) -> str:
    return next(text for text in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if holding in text)


def verified_by_python(headers: dict[str, str], body: bytes, secret: str = SECRET) -> bool:
    names: dict[str, Any] = {}
    exec(block("python", "def verify"), names)
    return bool(names["verify"](secret, headers, body))


def verified_by_shell(headers: dict[str, str], body: bytes, folder: Path, secret: str = SECRET) -> bool:
    (folder / "body.json").write_bytes(body)
    env = os.environ | {
        "SECRET": secret,
        "ID": headers["webhook-id"],
        "TIMESTAMP": headers["webhook-timestamp"],
        "SIGNATURE": headers["webhook-signature"],
    }
    words = ["sh", "-c", block("sh", "openssl")]
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout == "good\n"


@pytest.mark.parametrize("seconds", [0, 299])
def test_both_take_what_we_send(seconds: int, tmp_path: Path) -> None:

    request = forms.webhook(EVENT, SECRET, now=time.time() - seconds)
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert verified_by_python(headers, request.body)
    assert verified_by_shell(headers, request.body, tmp_path)


def test_both_refuse_what_was_changed(tmp_path: Path) -> None:

    request = forms.webhook(EVENT, SECRET, now=time.time())
    headers = {name.lower(): value for name, value in request.headers.items()}
    other = secret_of(bytes(32))
    for changed, body, secret in (
        (headers, request.body + b" ", SECRET),
        (headers | {"webhook-id": "event-2"}, request.body, SECRET),
        (headers, request.body, other),
    ):
        assert not verified_by_python(changed, body, secret)
        assert not verified_by_shell(changed, body, tmp_path, secret)
    old = forms.webhook(EVENT, SECRET, now=time.time() - 400)
    assert not verified_by_python({name.lower(): value for name, value in old.headers.items()}, old.body)


def test_what_arrives_over_the_wire_is_what_the_page_verifies(desk: Desk) -> None:

    async def story() -> None:
        desk.now = time.time()
        async with receiving() as receiver, desk.opened(receiver.origin) as (room, database):
            scene = Scene(desk, room, database, receiver)
            await scene.add(secret=SECRET)
            await scene.happen("ticket.failed")
            await scene.round()
            (heard,) = receiver.heard
            assert verified_by_python(dict(heard.headers), heard.body)

    asyncio.run(story())


def test_figures_of_the_page_are_those_of_the_code() -> None:
    assert DELAYS == (5, 30, 2 * 60, 10 * 60, 3600, 6 * 3600)
    assert "5 s, 30 s, 2 min, 10 min, 1 h and 6 h" in PAGE
    assert (JITTER, AT_ONCE, LEASE_SECONDS, SECONDS, EXCERPT_BYTES, MOST_ENDPOINTS) == (0.2, 4, 120, 10, 1024, 64)
    assert (NotifySettings().days_failing, NotifySettings().keep_days) == (3, 7)
    assert forms.LARGEST_BODY == 256 * 1024
