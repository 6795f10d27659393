"""Copies between machines as the head orders them: every connection under mutual TLS, by the names in certificates."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from cluster_ai.catalog.at_node import AtNode
from cluster_ai.catalog.files import FilesConfig, open_files
from cluster_ai.catalog.names import Door, Names
from cluster_ai.catalog.types import NodeCut
from cluster_ai.core.asgi.guard import Limits
from cluster_ai.core.asgi.serve import Ending, bind, serve_on
from cluster_ai.pki.contexts import client_context, server_context
from cluster_ai.pki.store import Store
from cluster_ai.pki.types import DOMAIN, node_host
from tests.catalog.fake_library import FakeLibrary, digest_of, noise
from tests.catalog.fake_node import FakeNode
from tests.pki.members import Members, node_id
from tests.ports import free_port

MODEL = noise(2 * 1024 * 1024)


@asynccontextmanager
async def machine(node: FakeNode, number: int, store: Store) -> AsyncIterator[Door]:
    """A machine whose door shows the certificate in ``store``."""
    port = free_port()
    inward, outward = await asyncio.to_thread(
        lambda: (server_context(store.folder), client_context(store.folder))
    )  # fmt: skip
    config = FilesConfig(
        tls=outward, domain=DOMAIN, engine_url="http://127.0.0.1:1", scratch=node.folder, folder=node.folder
    )
    host = node_host(node_id(number))
    async with AsyncExitStack() as stack:
        node.agent = await stack.enter_async_context(open_files(config))
        ending = Ending(drain_seconds=0.2, stopping=asyncio.Event(), heeds_signals=False)
        serving = asyncio.create_task(
            serve_on(
                bind("127.0.0.1", port),
                node,
                ending=ending,
                limits=Limits(body_bytes=2**30),
                allowed_hosts=(host,),
                tls=inward,
            )
        )
        try:
            yield Door(f"https://{host}:{port}", ("127.0.0.1",))
        finally:
            assert ending.stopping is not None
            ending.stopping.set()
            await serving


@pytest.mark.real
def test_a_model_goes_from_machine_to_machine(tmp_path: Path) -> None:
    members = Members(tmp_path / "pki", time.time())
    head = members.head()
    stores = {name: members.node(number)[0] for number, name in enumerate(("a", "b"), 1)}
    library = FakeLibrary()
    library.add("tiny", "1b", MODEL)
    nodes = {name: FakeNode(name, tmp_path / name, "") for name in stores}
    for digest, data in library.blobs.items():
        nodes["a"].shelf.blob(digest).write_bytes(data)
    nodes["a"].shelf.install("tiny:1b", library.manifests["library/tiny:1b"])

    async def story() -> None:
        async with AsyncExitStack() as stack:
            doors = {
                name: await stack.enter_async_context(machine(nodes[name], number, stores[name]))
                for number, name in enumerate(("a", "b"), 1)
            }
            known = {node_host(node_id(number)): ("127.0.0.1",) for number in (1, 2)}
            tls = await asyncio.to_thread(client_context, head.folder)
            connector = aiohttp.TCPConnector(ssl=tls, resolver=Names(lambda: known), use_dns_cache=False)
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, trust_env=False))
            at = AtNode("b", doors["b"].url, session, doors)
            steps = [step async for step in at.copy_from("a", "tiny:1b")]
            assert steps[-1].status == "success"
            assert [name for name, _ in await at.models()] == ["tiny:1b"]
            # A door that shows another machine's certificate is not the one that was meant.
            wrong = doors["a"].url.rpartition(":")[2]
            other = AtNode("b", f"https://{node_host(node_id(2))}:{wrong}", session, doors)
            with pytest.raises(NodeCut):
                await other.models()

    asyncio.run(story())
    assert nodes["b"].shelf.blob(digest_of(MODEL)).read_bytes() == MODEL
