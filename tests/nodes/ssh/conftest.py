"""Servers to speak to, and how one goes about it."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster_ai.nodes.discovery.known_hosts import HostKey, parse
from cluster_ai.nodes.ssh.connecting import connected
from cluster_ai.nodes.ssh.credentials import Credentials
from cluster_ai.nodes.ssh.dialing import USUAL, Times
from cluster_ai.nodes.ssh.host_keys import HostKeys, Trust
from cluster_ai.nodes.ssh.session import Session
from cluster_ai.nodes.ssh.target import Target
from tests.nodes.ssh import server as servers
from tests.nodes.ssh.server import Server

Serve = Callable[..., Server]


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """Where another user may enter: pytest's own folders are root's alone."""
    folder = Path(tempfile.mkdtemp(prefix="cluster-ai-ssh-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def user_key(open_folder: Path) -> Path:
    return servers.new_key(open_folder / "user")


@pytest.fixture(scope="module")
def server(open_folder: Path, user_key: Path) -> Iterator[Server]:
    """One that lets ``user_key`` and the password in."""
    with servers.serving(Path(tempfile.mkdtemp(dir=open_folder))) as server:
        server.let_in(user_key.with_suffix(".pub").read_text())
        yield server


@pytest.fixture
def serve(open_folder: Path, user_key: Path) -> Iterator[Serve]:
    """More of them, with options of their own."""
    with ExitStack() as stack:

        def one(**options: str) -> Server:
            server = stack.enter_context(servers.serving(Path(tempfile.mkdtemp(dir=open_folder)), **options))
            server.let_in(user_key.with_suffix(".pub").read_text())
            return server

        yield one


@pytest.fixture
def keys(tmp_path: Path) -> HostKeys:
    return HostKeys(tmp_path / "own" / "known_hosts", [tmp_path / "users"])


def at(server: Server, **more: Any) -> Target:
    return Target("127.0.0.1", servers.USER, server.port, **more)


@asynccontextmanager
async def enter(
    server: Server, keys: HostKeys, identity: Path | None, *, times: Times = USUAL, **more: Any
) -> AsyncIterator[Session]:
    """A session at a server whose key is known."""
    await asyncio.to_thread(keys.remember, at(server), known_key(server))
    credentials = Credentials(identities=(identity,) if identity else (), agent=False, **more)
    async with connected(at(server), trust=Trust(keys), credentials=credentials, times=times) as session:
        yield session


def known_key(server: Server) -> HostKey:
    return parse(server.known_line()).lines[0].key
