"""The doorman: a proxy on a socket that a sandbox is given, which lets it out to the hosts it asked for and no others.

Speaks what HTTP proxies speak: ``CONNECT host:port`` (RFC 9110 section 9.3.6), and plain requests in absolute form.
"""

import ipaddress
import re
import socket
import tempfile
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cluster_ai.executors.failures import Failed

HEAD: Final = 16 * 1024
CONNECT_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 300.0
_CONNECT: Final = re.compile(rb"CONNECT (\S+):(\d{1,5}) HTTP/1\.[01]\r\n")
_PLAIN: Final = re.compile(rb"([A-Z]+) http://([^/:\s@]+)(?::(\d{1,5}))?(/\S*)? (HTTP/1\.[01])\r\n")
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


def ungranted(asked: Sequence[str], allowed: Collection[str]) -> list[str]:
    """Those of the hosts asked for that the machine does not grant."""
    return [each for each in asked if each not in allowed and f"*:{each.rpartition(':')[2]}" not in allowed]


@contextmanager
def doorman(asked: Sequence[str], allowed: Collection[str]) -> Iterator[Path]:
    """The path of a socket that lets out to ``asked``. What stands in ``allowed`` by name may be a private address.

    Raises:
        Failed: ``not_allowed``, one of them is not granted here.
    """
    if refused := ungranted(asked, allowed):
        raise Failed("not_allowed", f"[executors] reach does not name {', '.join(refused)}")
    # A path of at most 107 bytes (unix(7)): the ticket's own folder may lie deeper.
    with tempfile.TemporaryDirectory(prefix="cluster-ai-", dir="/tmp") as folder:
        path = Path(folder) / "door"
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
            path.chmod(0o666)
            listening.listen(64)
            door = _Door(frozenset(asked), frozenset(allowed))
            serving = threading.Thread(target=door.serve, args=(listening,), daemon=True)
            serving.start()
            try:
                yield path
            finally:
                listening.shutdown(socket.SHUT_RDWR)
                serving.join()


class _Door:
    def __init__(self, asked: frozenset[str], private: frozenset[str]) -> None:
        self._asked = asked
        self._private = private

    def serve(self, listening: socket.socket) -> None:
        while True:
            try:
                taken, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(taken,), daemon=True).start()

    def _one(self, taken: socket.socket) -> None:
        with taken:
            taken.settimeout(IDLE_SECONDS)
            try:
                self._let(taken, _head(taken))
            except OSError:
                return

    def _let(self, taken: socket.socket, head: bytes) -> None:
        host, port, first = _wanted(head)
        if f"{host}:{port}" not in self._asked:
            taken.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        try:
            outside = self._open(host, port)
        except OSError:
            taken.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        with outside:
            if first:
                outside.sendall(first)
            else:
                taken.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _relay(taken, outside)

    def _open(self, host: str, port: int) -> socket.socket:
        """Resolved once, and connected to what was looked at."""
        by_name = f"{host}:{port}" in self._private
        for family, kind, protocol, _, address in socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM):
            if by_name or is_public(str(address[0])):
                outside = socket.socket(family, kind, protocol)
                try:
                    outside.settimeout(CONNECT_SECONDS)
                    outside.connect(address)
                    outside.settimeout(IDLE_SECONDS)
                except OSError:
                    outside.close()
                    continue
                return outside
        raise OSError(f"{host} has no address that may be reached")


def is_public(text: str) -> bool:
    """Whether an address is one of the internet at large; one of IPv4 inside of IPv6 is looked at itself."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return inner.is_global
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF).is_global
    return address.is_global and not address.is_multicast


def _head(taken: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = taken.recv(4096)
        if not more or len(data) > HEAD:
            raise OSError("no request came")
        data += more
    return data


def _wanted(head: bytes) -> tuple[str, int, bytes]:
    """Host, port, and what is sent on first; empty for ``CONNECT``."""
    if found := _CONNECT.match(head):
        return found[1].decode("ascii", "replace").lower(), int(found[2]), b""
    if found := _PLAIN.match(head):
        # One request a connection, so that none for another host follows unseen.
        line = b"%s %s %s\r\nConnection: close\r\n" % (found[1], found[4] or b"/", found[5])
        rest = re.sub(rb"(?im)^(proxy-)?connection:[^\r\n]*\r\n", b"", head[found.end() :])
        return found[2].decode("ascii", "replace").lower(), int(found[3] or 80), line + rest
    raise OSError("no request of a proxy")


def _relay(one: socket.socket, other: socket.socket) -> None:
    back = threading.Thread(target=_pour, args=(other, one), daemon=True)
    back.start()
    _pour(one, other)
    back.join()


def _pour(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return
