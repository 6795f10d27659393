"""Searches for people: one at a time, counted, cancelled, forgotten."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from cluster_ai.nodes.discovery.around import Around
from cluster_ai.nodes.discovery.errors import AlreadyLooking, BeyondOwnNetworks, NoSuchDiscovery
from cluster_ai.nodes.discovery.looks import Patience
from cluster_ai.nodes.discovery.orders import SearchOrder
from cluster_ai.nodes.discovery.scan import USUAL_PORTS
from cluster_ai.nodes.discovery.scanning import Manner
from cluster_ai.nodes.discovery.searches import KEPT, MOST_KEPT, Means, Search, Searches, SearchState
from cluster_ai.nodes.discovery.ssh_config import Named
from cluster_ai.nodes.discovery.subnets import Scope
from cluster_ai.nodes.discovery.types import Kind, Why
from cluster_ai.nodes.discovery.views import view_of
from tests.nodes.discovery.places import HERE, HOUSE, PATIENT, around
from tests.nodes.discovery.scripted import Scripted, page, pages, says, talking

pytestmark = pytest.mark.anyio
QUIET = SearchOrder(mdns_seconds=0)
MANNER = Manner(PATIENT, Patience(question=1.0, port=6.0))


@dataclass
class Head:
    """``searches`` of a head in ``place``; ``clock`` is what its clock shows."""

    place: Around
    longest: float = 60.0
    clock: float = 1000.0
    ids: "itertools.count[int]" = field(default_factory=itertools.count)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Searches]:
        async def look_around() -> Around:
            return self.place

        means = Means(look_around, lambda: self.clock, lambda: f"search-{next(self.ids)}", MANNER, self.longest)
        async with Searches(means).running() as searches:
            yield searches


async def mute(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Takes what it is told, and never says anything: a look at it lasts."""
    await reader.read()


def at(*servers: Scripted) -> SearchOrder:
    return SearchOrder(hosts=("127.0.0.1",), ports=",".join(str(one.port) for one in servers))


async def ended(search: Search) -> Search:
    async with asyncio.timeout(30):
        while search.state is SearchState.RUNNING:
            await asyncio.sleep(0.01)
    return search


async def test_every_address_is_looked_at_and_counted() -> None:
    async with Head(around(HOUSE)).opened() as searches:
        search = await ended(await searches.start(QUIET, by="ann"))
    stages = search.gathered.stages
    assert (search.state, search.by, search.ended_at) == (SearchState.ENDED, "ann", 1000.0)
    assert (stages["alive"].done, stages["alive"].total) == (13, 13), "all of the network but the head itself"
    # All of 127.0.0.0/8 refuses, so all of them are there, and are asked for the rest.
    assert (stages["ports"].done, stages["ports"].total) == (13 * (len(USUAL_PORTS) - 1),) * 2


async def test_what_answers_is_named_and_found_while_it_goes_on() -> None:
    listed = page('{"object":"list","data":[{"id":"qwen"}]}', more="Server: llama.cpp\r\n")
    ssh = says(b"SSH-2.0-OpenSSH_9\r\n")
    async with pages({"GET /v1/models": listed}) as one, talking(ssh) as two, Head(around(HERE)).opened() as searches:
        search = await ended(await searches.start(at(one, two), by="ann"))
    found = view_of(search, frozenset()).found
    assert [item.address for item in found] == ["127.0.0.1"]
    services = {service.port: service for service in found[0].services}
    assert (services[one.port].kind, services[one.port].models) == (Kind.OPENAI, ("qwen",))
    assert (services[one.port].name, services[one.port].takeable) == ("llama.cpp", True)
    assert (services[two.port].kind, services[two.port].takeable) == (Kind.SSH, False)
    assert found[0].usable
    assert found[0].target == "127.0.0.1"


async def test_kinds_are_named_by_what_answers_wherever_it_listens() -> None:
    """A long look at one machine; its Ollama and its web page stand at ports that are nobody's."""
    ollama = pages({"GET /": page("Ollama is running", kind="text/plain")})
    wiki = pages({"GET /": page("<html><title>Wiki</title></html>", kind="text/html")})
    async with ollama as one, wiki as two, Head(around(HERE)).opened() as searches:
        low = min(one.port, two.port, 60_000)
        order = SearchOrder(hosts=("127.0.0.1",), ports=f"{low}-{low + 1100},{one.port},{two.port}")
        search = await ended(await searches.start(order, by="ann"))
    kinds = {service.port: service.kind for service in search.gathered.found()[0].services}
    assert (kinds[one.port], kinds[two.port]) == (Kind.OLLAMA, Kind.WEB)
    assert search.gathered.stages["ports"].done >= 1101


async def test_one_at_a_time() -> None:
    async with talking(mute) as one, Head(around(HERE)).opened() as searches:
        first = await searches.start(at(one), by="ann")
        with pytest.raises(AlreadyLooking):
            await searches.start(QUIET, by="ben")
        assert (await searches.cancel(first.id)).state is SearchState.CANCELLED
        await searches.cancel((await searches.start(QUIET, by="ben")).id)


async def test_two_who_begin_at_the_same_moment() -> None:
    async with Head(around(HOUSE)).opened() as searches:
        both = await asyncio.gather(*(searches.start(QUIET, by=who) for who in "ab"), return_exceptions=True)
        assert [type(one) for one in both] == [Search, AlreadyLooking]


async def test_what_was_refused_is_in_nobodys_way() -> None:
    async with Head(around(HOUSE)).opened() as searches:
        with pytest.raises(BeyondOwnNetworks):
            await searches.start(SearchOrder(hosts=("8.8.8.8",)), by="ann")
        assert (await ended(await searches.start(QUIET, by="ann"))).state is SearchState.ENDED
        assert len(searches.all()) == 1


async def test_a_cancelled_search_keeps_what_it_found_and_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    async with talking(says(b"SSH-2.0-x\r\n")) as one, talking(mute) as two, Head(around(HERE)).opened() as searches:
        search = await searches.start(at(one, two), by="ann")
        async with asyncio.timeout(30):
            while not search.gathered.found():
                await asyncio.sleep(0.01)
        await searches.cancel(search.id)
        assert (await searches.cancel(search.id)).state is SearchState.CANCELLED, "twice is no error"
    assert view_of(search, frozenset()).found[0].services[0].kind is Kind.SSH
    assert asyncio.all_tasks() == before


async def test_a_search_ends_with_the_head() -> None:
    async with talking(mute) as one, Head(around(HERE)).opened() as searches:
        search = await searches.start(at(one), by="ann")
    assert search.state is SearchState.CANCELLED


async def test_no_search_is_endless() -> None:
    async with talking(mute) as one, Head(around(HERE), longest=0.2).opened() as searches:
        search = await ended(await searches.start(at(one), by="ann"))
    assert search.state is SearchState.OUT_OF_TIME


async def test_what_breaks_is_told_as_failed() -> None:
    def broken() -> None:
        raise OSError("no table")

    place = replace(around(HOUSE), neighbours=broken)  # type: ignore[arg-type]
    async with Head(place).opened() as searches:
        search = await ended(await searches.start(QUIET, by="ann"))
    assert search.state is SearchState.FAILED


async def test_old_searches_are_forgotten_and_few_are_kept() -> None:
    head = Head(around(Scope((), (), frozenset())))
    async with head.opened() as searches:
        many = [await ended(await searches.start(QUIET, by="ann")) for _ in range(MOST_KEPT + 2)]
        assert [one.id for one in searches.all()] == [one.id for one in many[:1:-1]]
        with pytest.raises(NoSuchDiscovery):
            searches.get(many[0].id)
        head.clock += KEPT + 1
        assert searches.all() == ()


async def test_names_lead_to_no_other_network_and_keys_of_the_head_are_not_shown() -> None:
    async def address_of(name: str) -> str:
        return {"near": "127.9.8.5", "other": "127.0.0.1"}.get(name, "")

    async with talking(says(b"SSH-2.0-x\r\n")) as one:
        named = (Named("a", "near", "ana", 22, identities=("~/.ssh/id",)), Named("b", "other", port=one.port))
        async with Head(around(HOUSE, named=named, address_of=address_of)).opened() as searches:
            found = view_of(await ended(await searches.start(QUIET, by="ann")), frozenset()).found
    by_name = {item.names[0]: item for item in found if item.names}
    assert by_name["b"].why_not is Why.BEYOND_LAN
    assert one.connections == 0
    assert by_name["a"].entry is not None
    assert (by_name["a"].entry.user, by_name["a"].entry.identities) == ("ana", ())
