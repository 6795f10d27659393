"""Which nodes may be given something to fetch, as probes have found them."""

import asyncio
from collections.abc import Callable

import pytest

from cluster_ai.core.errors import Unavailable
from cluster_ai.gateway.managing.asks import Verb, read_ask
from cluster_ai.gateway.managing.upkeep import Upkeep
from cluster_ai.gateway.nodes.picture import Picture
from cluster_ai.gateway.nodes.pool import Pool
from cluster_ai.gateway.nodes.upstreams import Upstream
from cluster_ai.gateway.types import GatewaySettings, ModelView

FULL = Picture("1", (ModelView(name="big:latest", size=10**12),))
Deed = Callable[[Upstream], None]


def well(upstream: Upstream) -> None:
    upstream.seen(FULL, 0.0)


def failed_call(upstream: Upstream) -> None:
    upstream.suspect("it broke")


def odd_probe(upstream: Upstream) -> None:
    upstream.missed_probe("answered 500", speaks=True)


def dead_probe(upstream: Upstream) -> None:
    upstream.missed_probe("connection refused")


def pulled_to(*deeds: Deed, beside: Deed | None = well) -> tuple[str, ...]:
    """The nodes for a pull when ``deeds`` were done to the roomiest one."""

    async def story() -> tuple[str, ...]:
        rows = [{"name": name, "url": f"http://127.0.0.1:{port}"} for port, name in enumerate(("roomy", "other"), 1)]
        settings = GatewaySettings.model_validate({"upstreams": rows})
        pool = Pool(settings, embedded_url=None, clock=lambda: 0.0)
        roomy, other = pool.all()
        for deed in deeds:
            deed(roomy)
        roomy.picture = Picture("1", ())
        if beside:
            beside(other)
        upkeep = Upkeep(pool, None, settings, clock=lambda: 0.0)
        return (await upkeep.plan(read_ask(Verb.PULL, b'{"model": "m"}'), (), client="")).nodes

    return asyncio.run(story())


@pytest.mark.parametrize("deeds", [[well], [well, failed_call], [well, odd_probe], [well, dead_probe]])
def test_a_node_that_was_well_a_moment_ago_is_up(deeds: list[Deed]) -> None:
    assert pulled_to(*deeds)[0] == "roomy"


@pytest.mark.parametrize(
    "deeds",
    [[], [odd_probe], [odd_probe] * 5, [well, odd_probe, odd_probe], [dead_probe], [well, dead_probe, dead_probe]],
)
def test_a_node_that_no_probe_finds_well_gets_nothing(deeds: list[Deed]) -> None:
    assert pulled_to(*deeds) == ("other",)


def test_when_no_node_was_ever_well_nobody_can_do_it() -> None:
    with pytest.raises(Unavailable, match="down"):
        pulled_to(odd_probe, beside=odd_probe)
