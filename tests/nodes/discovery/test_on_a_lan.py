"""A search on a real network: machines that are there, one that only speaks, one that is a member already."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lan.lan import Lan
from tests.lan.machine import Machine
from tests.nodes.discovery.test_finds import SSH
from tests.waiting import until

pytestmark = pytest.mark.real
HERE = Path(__file__).parent
WEB = "import http.server,sys;http.server.HTTPServer((sys.argv[1],8000),http.server.SimpleHTTPRequestHandler).serve_forever()"


@pytest.fixture(scope="module")
def lan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lan]:
    with Lan(tmp_path_factory.mktemp("lan")) as lan:
        head, shelf, attic = (lan.machine(name) for name in ("head", "shelf", "attic"))
        lan.machine("quiet")
        shelf.sshd(key=lan.key)
        attic.sshd(key=lan.key)
        attic.start([sys.executable, "-c", WEB, attic.address])
        speaker = attic.start([sys.executable, HERE / "announcing.py", attic.address, "The House"])
        speaker.says("announced")
        (head.home / ".ssh").mkdir(exist_ok=True)
        (head.home / ".ssh" / "config").write_text(
            f"Host books\n  HostName {shelf.address}\n  User ana\nHost far\n  HostName 203.0.113.9\n"
        )
        until(lambda: (attic.address, 8000) in attic.listening(), what="the web server listens")
        yield lan


def search(head: Machine, *options: str) -> dict[str, Any]:
    done = head.run(["cluster-ai", "node", "discover", "--json", *options])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def found(lan: Lan) -> dict[str, Any]:
    return search(lan.hosts["head"])


def one(found: dict[str, Any], address: str) -> dict[str, Any]:
    return next(item for item in found["items"] if item["address"] == address)


def test_machines_with_ssh_can_be_used(lan: Lan, found: dict[str, Any]) -> None:
    shelf = one(found, lan.hosts["shelf"].address)
    assert shelf["usable"]
    assert {"scan", "arp", "ssh_config"} <= set(shelf["how"])
    assert "books" in shelf["names"]
    assert shelf["entry"]["user"] == "ana"
    assert [service["kind"] for service in shelf["services"]] == [SSH.kind]
    assert shelf["services"][0]["version"].startswith("OpenSSH")
    assert shelf["mac"].count(":") == 5
    assert shelf["host_keys"][0].startswith("SHA256:")


def test_what_a_cluster_tells_of_itself_is_heard(lan: Lan, found: dict[str, Any]) -> None:
    attic = one(found, lan.hosts["attic"].address)
    kinds = {service["port"]: service for service in attic["services"]}
    assert "mdns" in attic["how"]
    assert (kinds[8443]["kind"], kinds[8443]["name"], kinds[8443]["cluster"]) == (
        "cluster_head",
        "The House",
        "01928d2f",
    )
    assert kinds[8000]["kind"] == "web"


def test_those_that_cannot_be_used_say_why(lan: Lan, found: dict[str, Any]) -> None:
    assert one(found, lan.hosts["quiet"].address)["why_not"] == "no_ssh"
    assert one(found, "203.0.113.9")["why_not"] == "beyond_lan"
    assert {item["why"] for item in found["left_out"]} == {"loopback"}
    assert lan.hosts["head"].address not in {item["address"] for item in found["items"]}


def test_nothing_beyond_the_network_was_asked(lan: Lan, found: dict[str, Any]) -> None:
    own = lan.router.rpartition(".")[0]
    assert all(item["address"].startswith(own) or item["why_not"] == "beyond_lan" for item in found["items"])


def test_a_cluster_that_left_is_heard_no_more(lan: Lan) -> None:
    head, shelf = lan.hosts["head"], lan.hosts["shelf"]
    assert isinstance(shelf, Machine)
    speaker = shelf.start([sys.executable, HERE / "announcing.py", shelf.address, "Another"])
    speaker.says("announced")
    assert "Another" in json.dumps(search(head, "--no-scan", "--seconds", "2"))
    speaker.end()
    assert "Another" not in json.dumps(search(head, "--no-scan", "--seconds", "2"))


def test_a_thousand_ports_of_one_machine(lan: Lan) -> None:
    head, attic = lan.hosts["head"], lan.hosts["attic"]
    began = time.monotonic()
    found = search(head, "--host", attic.address, "--ports", "7500-8600,22")
    assert {service["port"] for service in found["items"][0]["services"]} == {22, 8000}
    assert time.monotonic() - began < 30


def test_a_pulled_cable_is_no_error(lan: Lan) -> None:
    head = lan.hosts["head"]
    head.cable.pull()
    try:
        found = search(head, "--seconds", "1")
    finally:
        head.cable.plug()
    assert all(item["why_not"] for item in found["items"] if item["address"])
