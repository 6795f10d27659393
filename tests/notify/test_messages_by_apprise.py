"""Messages through Apprise: the real library, in its own process, to a real receiver."""

import asyncio
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import apprise
import pytest

from cluster_ai.core.errors import InvalidInput
from cluster_ai.notify import push
from cluster_ai.notify.forms import Told
from cluster_ai.notify.guard import Guard, SystemLookup
from cluster_ai.notify.push import Pusher
from cluster_ai.notify.services import FIXED, HOSTED, Service, service_of
from cluster_ai.notify.types import DeliveryState, TargetRefused
from tests.notify.conftest import Desk, Scene, Story, receiving

Tell = Callable[[Story], None]
HELLO = Told("lab: Ticket t1 failed.", "code: 7")
GUARD = Guard.of(("http://10.0.0.5:8080", "https://push.example.org:443"), SystemLookup())


def gotify(scene: Scene, path: str = "/AgotifyToken12x") -> str:
    return scene.receiver.origin.replace("http", "gotify") + path


def test_an_event_comes_as_a_message_and_its_address_is_never_shown(tell: Tell, desk: Desk) -> None:
    async def story(scene: Scene) -> None:
        made = await scene.add("ticket.*", kind="apprise", url="apprise:", secret=gotify(scene))
        assert (await scene.room.webhooks.get(made)).url == "apprise:gotify"
        assert scene.receiver.heard == [], "to add one sends nothing"
        await scene.happen("ticket.failed", code=7)
        await scene.round()
        (heard,) = scene.receiver.heard
        assert heard.path == "/message"
        assert heard.headers["x-gotify-key"] == "AgotifyToken12x"
        assert (heard.said["title"], heard.said["message"]) == ("lab: Ticket ticket-1 failed.", "code: 7")
        async with scene.database.read() as connection:
            rows = (await connection.exec_driver_sql("SELECT * FROM webhook_endpoints")).all()
        assert "AgotifyToken12x" not in str(rows)

    tell(story)


def test_what_the_service_does_not_take_is_tried_again_and_the_reason_holds_no_token(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        made = await scene.add(kind="apprise", url="apprise:gotify", secret=gotify(scene))
        scene.receiver.status = 401
        await scene.happen("ticket.failed")
        await scene.round()
        (row,) = await scene.room.webhooks.deliveries(made)
        assert row.state is DeliveryState.RETRYING
        assert "401" in row.error
        assert "AgotifyToken12x" not in row.error
        scene.receiver.status = 200
        assert (await scene.room.webhooks.test(made)).good

    tell(story)


def test_redirects_lead_nowhere(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        async with receiving() as inside:
            made = await scene.add(kind="apprise", url="apprise:", secret=gotify(scene))
            scene.receiver.status, scene.receiver.headers = 307, {"Location": inside.url}
            assert not (await scene.room.webhooks.test(made)).good
            assert inside.heard == []

    tell(story)


def test_a_place_that_is_no_longer_listed_hears_nothing(desk: Desk, url: str) -> None:
    async def run() -> None:
        async with receiving() as receiver:
            async with desk.opened(receiver.origin) as (room, database):
                scene = Scene(desk, room, database, receiver)
                made = await scene.add(kind="apprise", url="apprise:", secret=gotify(scene))
            async with desk.opened() as (room, _):
                answer = await room.webhooks.test(made)
            assert not answer.good
            assert "may not be called" in answer.error
            assert receiver.heard == []

    asyncio.run(run())


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", "apprise:discord"),
        ("no address", "apprise:"),
        ("tgram", "apprise:"),
        ("gotify://10.0.0.5:99999999/token", "apprise:"),
        ("gotify://[half/token", "apprise:"),
        ("gotify://10.0.0.5/token", "apprise:"),
        ("gotify://10.0.0.6:8080/token", "apprise:"),
        ("gotifys://10.0.0.5:8080/token", "apprise:"),
        ("json://127.0.0.1/", "apprise:"),
        ("json://169.254.169.254/", "apprise:"),
        ("matrixs://user:pass@innocent.example.org/#room", "apprise:"),
        ("gotify://evil.example\\@10.0.0.5:8080/token", "apprise:"),
        ("gotify://10.0.0.5:8080/token?verify=no", "apprise:"),
        ("gotify://10.0.0.5:8080/token?redirect=yes", "apprise:"),
        ("discord://1/2?template=/etc/passwd", "apprise:"),
        ("file:///etc/passwd", "apprise:"),
        ("syslog://", "apprise:"),
        ("dbus://", "apprise:"),
        ("mailto://user:pass@example.org", "apprise:"),
        ("ssh://10.0.0.5", "apprise:"),
    ],
)
def test_addresses_that_lead_elsewhere_are_refused(address: str, url: str) -> None:
    with pytest.raises(TargetRefused):
        service_of(url, address, GUARD)


def test_hosts_that_are_listed_are_read_as_they_are() -> None:
    assert service_of("apprise:", "gotify://10.0.0.5:8080/token", GUARD) == Service("gotify", "10.0.0.5", 8080)
    assert service_of("apprise:", "gotifys://Push.Example.org/t", GUARD) == Service("gotifys", "push.example.org", 443)
    assert service_of("apprise:tgram", "tgram://123:abc/2/", GUARD).shown == "apprise:tgram"


@pytest.mark.anyio
async def test_apprise_knows_every_service_by_our_names() -> None:
    with pytest.raises(TargetRefused, match="something is missing") as refused:
        await Pusher(GUARD).check("apprise:", "pover://hunter2")
    assert "hunter2" not in refused.value.message
    await Pusher(GUARD).check("apprise:", "tgram://123456789:abcdefg_hijklmnop/12315544/")
    with warnings.catch_warnings(action="ignore"):  # of what it imports beside
        plugins = apprise.Apprise().details()["schemas"]
    known = {scheme for plugin in plugins for scheme in _schemes(plugin)}
    assert known >= FIXED | HOSTED.keys()


def _schemes(plugin: dict[str, object]) -> set[str]:
    return {str(name) for kind in ("protocols", "secure_protocols") for name in (plugin[kind] or ())}  # type: ignore[attr-defined]


@pytest.mark.anyio
async def test_two_readers_of_one_address_must_agree() -> None:
    with pytest.raises(TargetRefused, match="another host"):
        await Pusher(GUARD)._checked(Service("gotify", "10.0.0.5", 8080), "gotify://10.0.0.6:8080/token")


@pytest.mark.anyio
async def test_the_messenger_knows_nothing_of_ours_and_a_hanging_one_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, fake = tmp_path / "told", tmp_path / "fake.py"
    fake.write_text(
        f"import json, os, pathlib, sys, time\n"
        f"pathlib.Path({str(told)!r}).write_text(json.dumps([dict(os.environ), os.getpid()]))\n"
        f"time.sleep(600)\n"
    )
    monkeypatch.setattr(push, "_CHILD", ("python3", "-I", str(fake)))
    monkeypatch.setenv("CLUSTER_AI_ADMIN_PASSWORD", "hunter2")
    monkeypatch.setenv("HTTPS_PROXY", "http://10.0.0.9:3128")
    answer = await Pusher(GUARD, seconds=1.0)("apprise:", "tgram://1:a/2", HELLO)
    assert "no answer within 1 s" in answer.error
    env, pid = json.loads(told.read_text())
    assert not {"CLUSTER_AI_ADMIN_PASSWORD", "HTTPS_PROXY"} & set(env)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.anyio
async def test_a_messenger_that_breaks_is_a_failed_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    for child, why in ((("/nowhere/python",), "could not be started"), (("true",), "ended without an answer")):
        monkeypatch.setattr(push, "_CHILD", child)
        assert why in (await Pusher(GUARD)("apprise:", "tgram://1:a/2", HELLO)).error


def test_without_its_address_there_is_none(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        with pytest.raises(InvalidInput):
            await scene.add(kind="apprise", url="apprise:")
        with pytest.raises(TargetRefused):
            await scene.add(kind="apprise", url="apprise:", secret="pover://no-token")

    tell(story)
