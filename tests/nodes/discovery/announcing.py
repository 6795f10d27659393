"""Announces a cluster by multicast DNS on the address that is given, until it is ended."""

import asyncio
import signal
import sys

from cluster_ai.nodes.discovery.mdns import Card, announced


async def main(address: str, name: str) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with announced(Card(name, 8443, "01928d2f", "ab" * 32, "0.4.0"), [address]):
        print("announced", flush=True)
        await ended.wait()


asyncio.run(main(*sys.argv[1:]))
