"""Workers of members reach the tickets' door at the head's address in the LAN; strangers do not."""

import asyncio
import ssl
from typing import Any

import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from cluster_ai.compute.tickets.line import Head as Api
from cluster_ai.compute.tickets.line import Line
from cluster_ai.core.errors import ClusterError
from cluster_ai.pki.contexts import client_context
from tests.machines.house import HOST, Head, House

PATH = "/api/v1/work/01a2022c-0000-7000-8000-000000000000/start"


async def work(scope: Scope, receive: Receive, send: Send) -> None:
    """Says which path it was asked."""
    await JSONResponse({"path": scope["path"]})(scope, receive, send)


def asked(house: House, tls: ssl.SSLContext) -> dict[str, Any]:
    line = Line(Api((f"https://{HOST}:{house.port}",), tls), seconds=5)
    try:
        return line.post(PATH, {"attempt": 1}, "token")
    finally:
        line.close()


def test_members_are_let_through_and_strangers_are_not(house: House) -> None:
    house.work = work

    async def story(head: Head) -> None:
        machine = await head.joined("mouse")
        mine = await asyncio.to_thread(client_context, machine.store.folder)
        assert (await asyncio.to_thread(asked, house, mine))["path"] == PATH
        nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        nobody.load_verify_locations(cadata=head.members.authority.pem)
        with pytest.raises(ClusterError) as refused:
            await asyncio.to_thread(asked, house, nobody)
        assert refused.value.code == "certificate_refused"

    house.tell(story)
