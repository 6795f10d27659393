"""No webhook reaches this machine, its network or a cloud's metadata, however its address is written."""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from cluster_ai.core.errors import Misconfigured, Unavailable
from cluster_ai.notify.addresses import refusal, target_of
from cluster_ai.notify.forms import Request
from cluster_ai.notify.guard import Guard, SystemLookup
from cluster_ai.notify.sending import Post
from cluster_ai.notify.types import Answer, TargetRefused
from tests.notify.conftest import met, receiving

HELLO = Request({"Content-Type": "text/plain"}, b"hello")
PRIVATE = (
    "127.0.0.1", "127.8.9.1", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "2001::1", "2001:db8::1",
    "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "100::1", "5f00::1",
)  # fmt: skip
"""What is not on the open internet, in IPv4, IPv6 and in one dressed as the other."""


@pytest.mark.parametrize("address", PRIVATE)
def test_address_is_refused_as_a_literal_and_behind_a_name(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(TargetRefused):
        target_of(f"http://{host}/hook")
    target = target_of("http://innocent.example.org/hook")
    assert refusal(address, target=target)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "2a00:1450:4001::1"])
def test_address_of_the_open_internet_is_called(address: str) -> None:
    assert refusal(address, target=target_of("https://example.org/hook")) == ""
    host = f"[{address}]" if ":" in address else address
    assert target_of(f"https://{host}/hook").literal


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.1/",
        "http://0/",
        "http://127.0.0.1./",
        "http://1.2.3.4.5/",
        "http://999.1.1.1/",
        "http://[::1%25lo]/",
        "http://[fe80::1%25lo]/",
        "http://[::1]extra/",
        "http://user@127.0.0.1:80@h/",
        "http://user:pass@example.org/",
        "http://example.org@127.0.0.1/",
        "http://h#@127.0.0.1/",
        "http://example.org/#here",
        "http://127.0.0.1\\@example.org/",
        "http://example.org\\@127.0.0.1/",
        "http://①②⑦.⓪.⓪.①/",
        "http://127。0。0。1/",
        "http://exämple.org/",
        "http://example.org/ space",
        "http://example.org/\r\nHost: 127.0.0.1",
        "http://exa\tmple.org/",
        "http://-a.example.org/",
        "http://a..example.org/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://example.org:port/",
        "http://",
        "http:///path",
        "//example.org/",
        "example.org",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:70/x",
        "javascript:alert(1)",
        "",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(TargetRefused):
        target_of(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "https://example.org/a/b?c=d&e=%20",
        "http://hooks.example.org:8080/x",
        "https://xn--exmple-cua.org/",
        "https://a_b.example.org/",
        "https://EXAMPLE.org/",
    ],
)
def test_plain_address_is_taken(url: str) -> None:
    assert target_of(url).host.endswith(".org")


def test_only_the_exact_origin_is_listed() -> None:
    listed = Guard.of(["http://127.0.0.1:8123", "http://homeassistant.local:8123", "http://[fd00::7]:80"], never)
    for url in ("http://127.0.0.1:8123/api", "http://HomeAssistant.local:8123/", "http://[fd00:0::7]/"):
        assert listed.read(url).listed
    for url in ("http://127.0.0.1:8124/", "https://127.0.0.1:8123/", "http://127.0.0.2:8123/"):
        with pytest.raises(TargetRefused):
            listed.read(url)
    assert not listed.read("https://homeassistant.local:8123/").listed
    name = listed.read("http://homeassistant.local:8123/")
    assert refusal("192.168.1.5", target=name) == ""
    for never_behind_a_name in ("169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0"):
        assert refusal(never_behind_a_name, target=name)
    metadata = Guard.of(["http://169.254.169.254:80"], never).read("http://169.254.169.254/")
    assert refusal("169.254.169.254", target=metadata) == "", "who lists the very address means it"


@pytest.mark.parametrize("entry", ["homeassistant.local:8123", "http://h", "http://h:1/path", "http://*:80", "all"])
def test_list_of_something_else_is_refused(entry: str) -> None:
    with pytest.raises(Misconfigured, match=r"notify\.allow"):
        Guard.of([entry], never)


async def never(host: str, port: int) -> Sequence[str]:
    raise AssertionError((host, port))


@dataclass
class NameServer:
    """A real one over UDP, whose every answer is good for that moment only. ``answers`` are given one after another."""

    answers: list[list[str]]
    port: int = 0
    asked: list[str] = field(default_factory=list)

    def serve(self, sock: socket.socket) -> None:
        while True:
            question, address = sock.recvfrom(2048)
            if not question:
                return
            labels, at = [], 12
            while size := question[at]:
                labels.append(question[at + 1 : at + 1 + size].decode())
                at += size + 1
            self.asked.append(".".join(labels))
            rows = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            head = question[:2] + struct.pack("!HHHHH", 0x8180, 1, len(rows), 0, 0)
            body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton(row) for row in rows)
            sock.sendto(head + question[12 : at + 5] + body, address)

    async def lookup(self, host: str, port: int) -> Sequence[str]:
        return await asyncio.to_thread(self._ask, host)

    def _ask(self, host: str) -> list[str]:
        name = b"".join(bytes([len(label)]) + label.encode() for label in host.split(".")) + b"\0"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(10)
            sock.sendto(struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0) + name + b"\0\1\0\1", ("127.0.0.1", self.port))
            answer = sock.recv(2048)
        count = struct.unpack("!H", answer[6:8])[0]
        at = 12 + len(name) + 4
        return [socket.inet_ntoa(answer[at + 16 * n + 12 : at + 16 * n + 16]) for n in range(count)]


@contextmanager
def name_server(*answers: list[str]) -> Iterator[NameServer]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        server = NameServer(list(answers), sock.getsockname()[1])
        thread = threading.Thread(target=server.serve, args=(sock,))
        thread.start()
        yield server
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", ("127.0.0.1", server.port))
        thread.join()


def post(guard: Guard, url: str, *, seconds: float = 10.0) -> Answer:
    return asyncio.run(Post(guard, lambda: 0.0, seconds=seconds)(url, HELLO))


def test_name_that_is_rebound_after_the_check_reaches_nothing() -> None:
    async def story() -> None:
        async with receiving() as receiver:
            port = receiver.url.split(":")[2].split("/")[0]
            with name_server(["93.184.216.34"], ["127.0.0.1"]) as server:
                guard = Guard(frozenset(), server.lookup)
                url = f"http://rebound.example.org:{port}/hook"
                # When it is added its name is harmless; when it is called it is not, and what is called is what is
                # checked then.
                await guard.look(guard.read(url))
                answer = await Post(guard, lambda: 0.0)(url, HELLO)
                assert answer.status is None
                assert "may not be called" in answer.error
                assert server.asked == ["rebound.example.org"] * 2, "once each"
            assert receiver.heard == []

    asyncio.run(story())


def test_name_that_mixes_good_and_bad_addresses_is_refused() -> None:
    with name_server(["93.184.216.34", "10.0.0.1"]) as server:
        guard = Guard(frozenset(), server.lookup)
        with pytest.raises(TargetRefused) as refused:
            asyncio.run(guard.look(guard.read("https://mixed.example.org/")))
        assert "10.0.0.1" not in refused.value.message, "that would map the network"
        assert "may not be called" in post(guard, "https://mixed.example.org/").error


def test_what_was_checked_is_what_is_called() -> None:
    """One answer of the name server, then only lies: the connection must not ask again."""

    async def story() -> None:
        async with receiving() as receiver:
            port = receiver.url.split(":")[2].split("/")[0]
            with name_server(["127.0.0.1"], ["192.0.2.1"]) as server:
                guard = Guard.of([f"http://friend.example.org:{port}"], server.lookup)
                answer = await Post(guard, lambda: 0.0)(f"http://friend.example.org:{port}/hook", HELLO)
                assert answer.status == 200
                assert len(server.asked) == 1
            assert receiver.heard[0].headers["host"] == f"friend.example.org:{port}"

    asyncio.run(story())


def test_socket_itself_refuses_what_slipped_past_everything() -> None:
    guard = Guard(frozenset(), never)
    target = target_of("http://example.org/")

    async def story() -> None:
        async with guard.connector(target) as connector:
            make = connector._socket_factory
            assert make is not None
            with pytest.raises(OSError, match="may not be called"):
                make((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))

    asyncio.run(story())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_an_answer_and_is_not_followed(status: int) -> None:
    async def story() -> None:
        async with receiving() as receiver, receiving() as inside:
            receiver.status, receiver.headers = status, {"Location": inside.url}
            guard = Guard.of([receiver.origin, inside.origin], never)
            answer = await Post(guard, lambda: 0.0)(receiver.url, HELLO)
            assert (answer.status, answer.good) == (status, False)
            assert inside.heard == []

    asyncio.run(story())


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with receiving() as receiver, receiving() as proxy:
            for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, proxy.origin)
            answer = await Post(Guard.of([receiver.origin], never), lambda: 0.0)(receiver.url, HELLO)
            assert answer.status == 200
            assert proxy.heard == []
            assert len(receiver.heard) == 1

    asyncio.run(story())


def test_who_never_answers_is_given_up() -> None:
    async def story() -> None:
        async with receiving() as receiver:
            receiver.hold = asyncio.Event()
            answer = await Post(Guard.of([receiver.origin], never), lambda: 0.0, seconds=0.3)(receiver.url, HELLO)
            assert answer.status is None
            assert "0.3 s" in answer.error
            await met(lambda: receiver.open == 0)

    asyncio.run(story())


def test_endless_answer_and_slow_body_are_cut() -> None:
    """A gigabyte, a byte a second, a header without end: none takes more than its share."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        kind = head.split()[1]
        sent = 0
        try:
            if kind == b"/large":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
                while True:
                    writer.write(b"x" * 65_536)
                    sent += 65_536
                    await writer.drain()
            if kind == b"/slow":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx")
                await asyncio.sleep(60)
            if kind == b"/header":
                writer.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
                while True:
                    writer.write(b"y" * 65_536)
                    await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            sizes.append(sent)
        finally:
            writer.close()

    sizes: list[int] = []

    async def story() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            send = Post(Guard.of([origin], never), lambda: 0.0, seconds=2.0)
            large = await send(f"{origin}/large", HELLO)
            assert (large.status, len(large.excerpt)) == (200, 1024)
            await met(lambda: bool(sizes))
            assert sizes[0] < 50_000_000
            slow = await Post(send.guard, send.now, seconds=0.3)(f"{origin}/slow", HELLO)
            assert slow.status is None
            header = await send(f"{origin}/header", HELLO)
            assert header.status is None
            server.close()

    asyncio.run(story())


def test_name_that_nobody_knows_is_a_failed_attempt() -> None:
    async def story() -> None:
        async with SystemLookup() as lookup:
            guard = Guard(frozenset(), lookup)
            # Reserved for that (RFC 6761 section 6.4).
            answer = await Post(guard, lambda: 0.0)("http://nobody.invalid/", HELLO)
            assert answer.status is None
            assert answer.error
            with pytest.raises(Unavailable):
                await guard.look(guard.read("http://nobody.invalid/"))
            with pytest.raises(TargetRefused):
                await guard.look(guard.read("http://localhost/"))

    asyncio.run(story())
