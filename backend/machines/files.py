"""What the machines' door answers to GET: the authority's certificate, the installer, and the software.

None of it is secret: whoever gets it must be able to before it is a member.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from backend.errors import NoSuchRoute, response_of
from cluster_ai import __version__
from cluster_ai.nodes.bundle.identity import program_root
from cluster_ai.nodes.bundle.manifest import AUTHORITY_PATH, PREFIX
from cluster_ai.nodes.bundle.shelf import Answer, Shelf
from cluster_ai.pki.authority import Authority

PIECE: Final = 256 * 1024
INSTALLER: Final = "install_unified.sh"
_RANGE: Final = re.compile(r"^bytes=([0-9]{1,15})-$")


@asynccontextmanager
async def software_served(folder: Path, authority: Authority) -> AsyncIterator[ASGIApp]:
    """The application; what machines ask for is made in ``folder`` while the block runs, and signed."""
    root = await asyncio.to_thread(program_root)
    shelf = Shelf(folder, root, version=__version__, sign=authority.sign_bytes)
    async with asyncio.TaskGroup() as tasks:
        making = tasks.create_task(shelf.run())
        try:
            yield MachineFiles(shelf, root, authority.pem)
        finally:
            making.cancel()


class MachineFiles:
    """Raw ASGI: wheels are hundreds of megabytes, read and sent piece by piece."""

    def __init__(self, shelf: Shelf, root: Path, authority: str) -> None:
        self._shelf = shelf
        self._installer = root / INSTALLER
        self._authority = authority.encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._answer(scope["path"], _begin(scope))
        if answer is None:
            await response_of(NoSuchRoute("there is no such path"))(scope, receive, send)
            return
        await _say(send, answer)

    def _answer(self, path: str, begin: int) -> Answer | None:
        if path == AUTHORITY_PATH:
            return Answer(200, self._authority, headers={"Content-Type": "application/x-pem-file"})
        if path == f"/{INSTALLER}":
            return Answer(200, file=self._installer, headers={"Content-Type": "text/x-shellscript"})
        return self._shelf.answer(path, begin) if path == PREFIX or path.startswith(f"{PREFIX}/") else None


async def _say(send: Send, answer: Answer) -> None:
    headers: Mapping[str, str] = answer.headers
    if answer.file is None:
        headers = {**headers, "Content-Length": str(len(answer.body))}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    if answer.file is not None:
        await _send_file(send, answer.file, answer.begin)
    await send({"type": "http.response.body", "body": answer.body})


async def _send_file(send: Send, path: Path, begin: int) -> None:
    opened = await asyncio.to_thread(path.open, "rb")
    try:
        await asyncio.to_thread(opened.seek, begin)
        while piece := await asyncio.to_thread(opened.read, PIECE):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    finally:
        await asyncio.to_thread(opened.close)


def _begin(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"range" and (found := _RANGE.match(value.decode("latin-1"))):
            return int(found[1])
    return 0
