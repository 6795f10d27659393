"""A look at a node that stumbles over a mistake of ours is not the last one."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from cluster_ai.gateway.nodes import sight
from cluster_ai.gateway.nodes.picture import Picture
from cluster_ai.gateway.nodes.pool import Pool
from cluster_ai.gateway.nodes.probes import Prober
from cluster_ai.gateway.types import LOCAL_NAME, GatewaySettings, UpstreamSettings, UpstreamState

URL = "http://127.0.0.1:9"
ROW = UpstreamSettings(name="n1", url=URL)  # type: ignore[arg-type]
CONFIGURED = GatewaySettings(probe_seconds=0.01, find_local_ollama=False, upstreams=(ROW,))
FOUND = GatewaySettings(probe_seconds=0.01, local_ollama_url=URL)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "name", "stumbles"), [(CONFIGURED, "n1", range(1, 4)), (FOUND, LOCAL_NAME, range(3))]
)
def test_the_next_one_finds_it(
    settings: GatewaySettings, name: str, stumbles: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    async def look(_session: Any, _url: str) -> Picture:
        nonlocal looks
        looks += 1
        if looks - 1 in stumbles:
            raise LookupError("a mistake of ours")
        return Picture("0.33.0", ())

    monkeypatch.setattr(sight, "look", look)

    async def story() -> None:
        pool = Pool(settings, embedded_url=None, clock=time.monotonic)
        async with aiohttp.ClientSession() as session, asyncio.timeout(10):
            prober = Prober(pool, session, settings, clock=time.monotonic, changed=lambda: None)
            async with prober.watching():
                while looks <= 6 or not (found := pool.find(name)) or found.state is not UpstreamState.HEALTHY:
                    await asyncio.sleep(0.01)

    asyncio.run(story())
