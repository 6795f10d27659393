"""The supervisor's socket: long paths, strangers, nonsense."""

import asyncio
from pathlib import Path

import pytest

from cluster_ai.core.errors import Conflict, NotFound, Unavailable
from cluster_ai.core.paths import Home
from cluster_ai.core.sentences import told
from cluster_ai.supervisor import sockets
from cluster_ai.supervisor.control import Control
from cluster_ai.supervisor.desk import open_desk
from cluster_ai.supervisor.preflight import PortInUse
from cluster_ai.supervisor.types import SupervisorView

VIEW = SupervisorView(pid=1, version="1", home="/x", started_at=0.0, ready=True)


class Desk:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def status(self) -> SupervisorView:
        return VIEW

    def restart(self, part: str) -> None:
        if part != "node/1":
            raise NotFound(f"no part is called {part}", values={"about": "part", "name": part})
        self.asked.append(part)

    def stop(self) -> None:
        self.asked.append("stop")

    def scale_workers(self, count: int) -> None:
        if count == 99:
            raise PortInUse("port 1 is used by another program")
        self.asked.append(count)


async def asked(folder: Path, raw: bytes) -> bytes:
    reader, writer = await sockets.connect(folder)
    writer.write(raw)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.fixture
def home(tmp_path: Path) -> Home:
    # Far longer than the 108 bytes that the name of a Unix socket may have.
    home = Home(tmp_path / ("deep" * 20) / ("er" * 30))
    home.make()
    return home


def test_every_order_reaches_the_desk(home: Home) -> None:
    desk = Desk()

    async def talk() -> None:
        async with open_desk(home.run, desk):
            assert (home.run / sockets.NAME).stat().st_mode & 0o777 == 0o600
            control = Control(home)
            assert await control.status() == VIEW
            await control.restart("node/1")
            await control.scale_workers(3)
            await control.stop()
            with pytest.raises(NotFound, match="no part is called x") as caught:
                await control.restart("x")
            assert told(caught.value, "pt-BR").text == "Não há nenhuma parte chamada x."
            with pytest.raises(Conflict) as caught:
                await control.scale_workers(99)
            assert caught.value.code == "port_taken", "a finer code than its class has"

    asyncio.run(talk())
    assert desk.asked == ["node/1", 3, "stop"]
    assert not (home.run / sockets.NAME).exists()


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (b"GET /nothing HTTP/1.1\r\n\r\n", b"404"),
        (b"DELETE /status HTTP/1.1\r\n\r\n", b"404"),
        (b'POST /workers HTTP/1.1\r\nContent-Length: 15\r\n\r\n{"count": true}', b"422"),
        (b"POST /workers HTTP/1.1\r\nContent-Length: 4\r\n\r\n{{{{", b"422"),
        (b"POST /workers HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b""),
        (b"POST /workers HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b""),
        (b"\x00" * 100_000, b""),
        (b"hello", b""),
        (b"", b""),
    ],
)
def test_nonsense_gets_an_error_or_the_door(home: Home, raw: bytes, answer: bytes) -> None:
    desk = Desk()

    async def talk() -> None:
        async with open_desk(home.run, desk):
            said = await asked(home.run, raw)
            assert said.partition(b"\r\n")[0].partition(b" ")[2][:3] == answer
            assert await Control(home).status() == VIEW

    asyncio.run(talk())
    assert desk.asked == []


def test_a_socket_left_behind_is_replaced(home: Home) -> None:
    (home.run / sockets.NAME).write_text("old")

    async def talk() -> None:
        async with open_desk(home.run, Desk()):
            assert await Control(home).status() == VIEW

    asyncio.run(talk())


def test_without_a_supervisor_the_hint_says_how_to_start_one(home: Home) -> None:
    with pytest.raises(Unavailable, match="no supervisor runs in") as refused:
        asyncio.run(Control(home).stop())
    assert refused.value.hint == "./manager.sh start"
