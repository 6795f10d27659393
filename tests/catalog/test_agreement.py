"""Who fetches a model asks first, node by node; what is pinned is fetched again in any case."""

import asyncio
import time

import aiohttp
import pytest

from cluster_ai.catalog import tables
from cluster_ai.catalog.agreement import Agreement
from cluster_ai.catalog.gguf_remote import Registry
from cluster_ai.catalog.given import Given
from cluster_ai.catalog.types import LIBRARY, Pin
from cluster_ai.core.consent import Deed
from cluster_ai.core.db import open_database
from tests.catalog.conftest import Cluster


def test_each_node_is_a_deed_of_its_own_and_a_pinned_model_mends(cluster: Cluster) -> None:
    deeds: list[Deed] = []

    async def heard(_connection: object, deed: Deed) -> None:
        deeds.append(deed)

    async def story() -> None:
        async with (
            open_database(cluster.database, on_fatal=pytest.fail) as database,
            aiohttp.ClientSession(trust_env=False) as session,
        ):
            library = Registry(session, (LIBRARY,), {LIBRARY: cluster.library_url})
            given = Given(cluster, library, cluster.admit, time.time, lambda: "1", consent=heard)
            agreement = Agreement(database, given)
            async with database.transaction() as connection:
                await tables.add_pin(connection, Pin(model="tiny:1b", node="a", by="ada", at=1.0))
                await agreement.pull(connection, "tiny:1b", ["a", "b"])
            await agreement.change("tiny:1b", [])

    asyncio.run(story())
    assert [(deed.scope["node"], deed.is_mending) for deed in deeds] == [("a", True), ("b", False), ("", False)]
    assert {(deed.subject, deed.scope["model"], deed.scope["service"]) for deed in deeds} == {
        ("tiny:1b", "tiny:1b", "gateway")
    }
