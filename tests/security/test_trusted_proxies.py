"""Who calls behind proxies: what those say that were named is believed, and not a word of anybody else's."""

from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest

from cluster_ai.core.asgi.proxies import caller_of, networks
from cluster_ai.settings import BackendSettings
from tests.backend.running import PASSWORD, running_api

TRUSTED = networks(("10.0.0.5", "10.1.0.0/16", "fd00::/8", "127.0.0.1"))


@pytest.mark.parametrize(
    ("peer", "said", "caller"),
    [
        ("10.0.0.5", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.5", [], "10.0.0.5"),
        ("10.0.0.5", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.5", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.5", ["::ffff:203.0.113.9"], "203.0.113.9"),
        # What the caller wrote itself stands left of what our proxy saw.
        ("10.0.0.5", ["127.0.0.1, 198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.5", ["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
        # Several proxies of ours, one behind the other.
        ("10.0.0.5", ["203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        ("10.0.0.5", ["10.1.2.4, 10.1.2.3"], "10.1.2.4"),
        # Rubbish ends it where it stands.
        ("10.0.0.5", ["203.0.113.9, unknown"], "10.0.0.5"),
        ("10.0.0.5", ["203.0.113.9, <script>, 10.1.2.3"], "10.1.2.3"),
        ("10.0.0.5", [""], "10.0.0.5"),
        ("10.0.0.5", ["\xff\xfe"], "10.0.0.5"),
        # Nobody becomes this machine.
        ("10.0.0.5", ["127.0.0.1"], "10.0.0.5"),
        ("10.0.0.5", ["::1"], "10.0.0.5"),
        ("127.0.0.1", ["127.0.0.1"], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.5", [", ".join(["10.1.2.3"] * 5000)], "10.1.2.3"),
    ],
)
def test_the_caller_is_the_nearest_that_is_no_proxy_of_ours(peer: str, said: list[str], caller: str) -> None:
    lines = [line.encode("latin-1") for line in said]
    assert caller_of(ip_address(peer), lines, TRUSTED) == ip_address(caller)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="nginx"):
        BackendSettings(trusted_proxies=("nginx",))


def tried(client: httpx2.Client, address: str) -> int:
    words = {"username": "admin", "password": "not the password"}
    return client.post("/api/v1/auth/token", json=words, headers={"X-Forwarded-For": address}).status_code


def audited(client: httpx2.Client) -> set[str]:
    return {row["address"] for row in client.get("/api/v1/audit").json()["items"]}


def test_sign_ins_are_counted_and_written_by_the_real_caller(tmp_path: Path) -> None:
    with running_api(tmp_path / "home", trusted_proxies=("127.0.0.1",)) as api, api.client() as client:
        codes = [tried(client, "203.0.113.9") for _ in range(30)]
        assert codes[0] == 401
        assert codes[-1] == 429, "somebody guesses"
        assert tried(client, "198.51.100.1, 203.0.113.10") == 401, "and nobody else waits for that"
        with api.local() as here:
            assert {"203.0.113.9", "203.0.113.10"} <= audited(here)
        under_tls = {"X-Forwarded-For": "203.0.113.11", "X-Forwarded-Proto": "https"}
        origin = {"Origin": api.url.replace("http://", "https://")}
        good = client.post(
            "/api/v1/auth/login", json={"username": "admin", "password": PASSWORD}, headers=under_tls | origin
        )
        assert good.status_code == 200, good.text
        assert "Secure" in good.headers["set-cookie"]


def test_nobody_is_believed_who_was_not_named(tmp_path: Path) -> None:
    with running_api(tmp_path / "home") as api, api.client() as client:
        assert tried(client, "203.0.113.9") == 401
        with api.local() as here:
            assert audited(here) == {"127.0.0.1"}
