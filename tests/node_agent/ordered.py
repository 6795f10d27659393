"""A life of an agent that obeys one order and may lose its own: ``ordered.py LEDGER BOOT VERSION VERB WHEN``.

Each time the deed is done a line goes to ``LEDGER.deeds``. ``WHEN`` says when the process is killed: ``before`` the
deed, ``after`` it, or ``never``. It prints how the order ended.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from cluster_ai.core.ids import new_id
from cluster_ai.node_agent.ledger import Ledger, Present
from cluster_ai.node_agent.orders import Deeds, Orders
from cluster_ai.nodes.types import Order


async def main(ledger: Path, boot: str, version: str, verb: str, when: str) -> None:
    async def deed(argument: str = "") -> None:
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        with ledger.with_suffix(".deeds").open("a") as file:
            file.write(f"{verb} {argument}\n")
        if when == "after":
            os.kill(os.getpid(), signal.SIGKILL)

    deeds = Deeds(reboot=deed, restart=deed, upgrade=deed, leave=deed)
    orders = Orders(Ledger(ledger), deeds, Present(boot, version, new_id()), going_seconds=0.1)
    print((await orders.do(Order(id="o-1", verb=verb, argument="2.0" if verb == "upgrade" else ""))).model_dump_json())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
