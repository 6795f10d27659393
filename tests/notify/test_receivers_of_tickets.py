"""An address that a ticket names is judged when the ticket comes, and once more whenever it is called."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cluster_ai.notify.guard import Guard
from cluster_ai.notify.receivers import MOST_NAMES, Receivers
from cluster_ai.notify.types import DeliveryState
from tests.notify.conftest import Desk, opened_with, receiving

PUBLIC = "93.184.216.34"


@dataclass
class Names:
    """A name server; ``silent`` names are never answered."""

    known: dict[str, str] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        if host in self.silent:
            await asyncio.Event().wait()
        if host not in self.known:
            raise OSError("nobody knows it")
        return [self.known[host]]


def refused(names: Names, *urls: str, allow: Sequence[str] = ()) -> dict[str, str]:
    found = asyncio.run(Receivers(Guard.of(allow, names), patience=0.2).refused(urls))
    assert {error.code for error in found.values()} <= {"target_refused"}
    return {url: error.message for url, error in found.items()}


def test_malformed_and_private_addresses_are_refused_and_no_name_is_asked_for() -> None:
    urls = ("ftp://a/", "x", "http://u:p@a.example/", "http://127.0.0.1:1/", "http://[::1]/", "http://169.254.169.254/")
    names = Names()
    assert refused(names, *urls).keys() == set(urls)
    assert names.asked == []


def test_a_name_of_a_private_address_is_refused_once_for_all_its_paths() -> None:
    names = Names({"nas.lan": "192.168.1.5", "hooks.example": PUBLIC})
    bad, good = ("http://nas.lan/a", "http://nas.lan/b?token=x"), "https://hooks.example/"
    found = refused(names, *bad, good)
    assert found.keys() == set(bad)
    assert sorted(names.asked) == ["hooks.example", "nas.lan"]
    assert not any("192.168" in text or "token" in text for text in found.values())


def test_what_is_listed_may_be_private() -> None:
    names = Names({"nas.lan": "192.168.1.5"})
    urls = ("http://nas.lan:80/hook", "http://127.0.0.1:9/x")
    assert refused(names, *urls, allow=("http://nas.lan:80", "http://127.0.0.1:9")) == {}


def test_names_that_nobody_knows_or_tells_are_judged_when_they_are_called() -> None:
    names = Names(silent=frozenset({"slow.example"}))
    assert refused(names, "https://slow.example/", "https://unknown.example/") == {}


def test_no_caller_has_more_than_a_few_names_resolved() -> None:
    names = Names()
    urls = [f"https://h{number}.example/" for number in range(500)]
    assert refused(names, *urls, "http://10.0.0.1/").keys() == {"http://10.0.0.1/"}
    assert len(names.asked) == MOST_NAMES


def test_a_name_that_was_good_when_the_ticket_came_is_judged_again_when_it_is_called(desk: Desk) -> None:
    async def story() -> None:
        async with receiving() as receiver:
            port = receiver.origin.rpartition(":")[2]
            names = Names({"hooks.example": PUBLIC})
            url = f"http://hooks.example:{port}/mine"
            assert not await Receivers(Guard.of((), names)).refused([url])
            names.known["hooks.example"] = "127.0.0.1"
            async with opened_with(desk, replace(desk.given(), lookup=names)) as (room, database):
                await desk.happen(database, desk.event("ticket.failed", status="failed", webhook_url=url))
                await room.fanout.tick()
                assert await room.outbound.tick() == 1
                await room.outbound.idle()
                (endpoint,) = await room.webhooks.all()
                (row,) = await room.webhooks.deliveries(endpoint.id)
            assert (row.state, row.status) == (DeliveryState.RETRYING, None)
            assert "may not be called" in row.error
            assert receiver.heard == []

    asyncio.run(story())
