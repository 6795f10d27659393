"""A head in a process of its own: the real TLS, the real shelf of software, join lines that are good once.

``python head.py FOLDER PROGRAM WHEELS`` prints a join line and serves until standard input closes. ``FOLDER/fault``
says what goes wrong: ``cut`` breaks off in the middle of the next file, ``corrupt`` sends other bytes, ``refuse`` lets
nobody join, ``stall`` and ``stall-join`` let callers wait, ``slow`` a little. What came in stands in ``FOLDER/calls``, a line each.
"""

import asyncio
import json
import secrets
import shutil
import sys
import threading
import time
from pathlib import Path
from uuid import UUID

from starlette.types import Message, Receive, Scope, Send

from backend.machines.files import MachineFiles
from backend.machines.listening import Place, open_to_machines
from cluster_ai.nodes.bundle.identity import environment_id
from cluster_ai.nodes.bundle.shelf import Shelf
from cluster_ai.nodes.lines import Line
from cluster_ai.pki.authority import Authority, open_authority
from cluster_ai.pki.requests import key_pem, new_key, request_for
from cluster_ai.pki.store import Store
from cluster_ai.pki.types import Identity, PeerRole
from tests.ports import free_port

LINES = 40
SPOILT = ("cut", "corrupt")
SLOW = {"stall": 20.0, "slow": 1.0}
CLUSTER = str(UUID(int=7))


class FaultyFiles:
    """``MachineFiles``, with what a network does to it."""

    def __init__(self, files: MachineFiles, folder: Path, tokens: set[str]) -> None:
        self._files = files
        self._folder = folder
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        call = f"{scope['method']} {scope['path']} {headers.get('range', '')}".strip()
        await asyncio.to_thread(self._note, call)
        fault = await asyncio.to_thread(self._fault)
        if scope["method"] == "POST":
            if fault == "stall-join":
                await asyncio.sleep(SLOW["stall"])
            await self._join(headers, fault, send)
            return
        if not scope["path"].endswith((".whl", ".gz")):
            await self._files(scope, receive, send)
            return
        if fault in SLOW:
            await asyncio.sleep(SLOW[fault])
        await self._files(scope, receive, _Spoiling(send, fault, self._mend) if fault in SPOILT else send)

    async def _join(self, headers: dict[str, str], fault: str, send: Send) -> None:
        token = headers.get("authorization", "").removeprefix("Bearer ")
        good = token in self._tokens and fault != "refuse"
        self._tokens.discard(token)
        body = json.dumps({} if good else {"detail": "this join line was used already"}).encode()
        start = {"type": "http.response.start", "status": 200 if good else 403, "headers": []}
        await send({**start, "headers": [(b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    def _note(self, call: str) -> None:
        with (self._folder / "calls").open("a") as opened:
            opened.write(call + "\n")

    def _fault(self) -> str:
        path = self._folder / "fault"
        return path.read_text().strip() if path.exists() else ""

    def _mend(self) -> None:
        (self._folder / "fault").unlink(missing_ok=True)


class _Spoiling:
    def __init__(self, send: Send, fault: str, mend: object) -> None:
        self._send, self._fault, self._mend = send, fault, mend
        self._sent = 0

    async def __call__(self, message: Message) -> None:
        body = message.get("body", b"")
        if body and self._fault == "corrupt":
            message = {**message, "body": bytes(byte ^ 1 for byte in body)}
        if self._fault == "cut" and self._sent and body:
            await asyncio.to_thread(self._mend)  # type: ignore[arg-type]
            raise ConnectionResetError("the cable was pulled")
        self._sent += len(body)
        await self._send(message)


def certified(folder: Path) -> Authority:
    now = time.time()
    authority = open_authority(folder / "ca", now=now, cluster_id=CLUSTER, name="test")
    key = new_key()
    identity = Identity(PeerRole.HEAD, CLUSTER, "")
    signed = authority.sign(request_for(key, "head"), identity, now=now, days=2, names=("127.0.0.1",))
    store = Store(folder / "tls")
    (folder / "tls").mkdir(exist_ok=True)
    store.put_authority(authority.pem)
    store.put_revoked(authority.revocation_list((), now=now, number=1))
    store.put(key=key_pem(key), certificate=signed.pem)
    return authority


async def serve(folder: Path, root: Path, wheels: Path) -> None:
    authority = await asyncio.to_thread(certified, folder)
    house = folder / "bundles/wheels" / environment_id(root)
    if not house.exists():
        await asyncio.to_thread(shutil.copytree, wheels, house)
    shelf = Shelf(folder / "bundles", root, version="0.1.0", sign=authority.sign_bytes)
    tokens = {f"{secrets.token_hex(8)}.{secrets.token_hex(24)}" for _ in range(LINES)}
    app = FaultyFiles(MachineFiles(shelf, root, authority.pem), folder, tokens)
    port = free_port()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set)), daemon=True).start()
    async with asyncio.TaskGroup() as tasks:
        making = tasks.create_task(shelf.run())
        async with open_to_machines(app, Place("127.0.0.1", port, folder / "tls"), body_bytes=1024 * 1024):
            for token in sorted(tokens):
                print(Line((f"127.0.0.1:{port}",), authority.fingerprint, token).text, flush=True)
            await ended.wait()
        making.cancel()


if __name__ == "__main__":
    asyncio.run(serve(*(Path(argument) for argument in sys.argv[1:4])))
