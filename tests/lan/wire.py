"""A long wire between two network interfaces, which nobody on it can see: each frame comes out later than it went in.

Kernels without netem can delay nothing themselves. Run in the network namespace that has both:
``python wire.py SECONDS INTERFACE INTERFACE``. It says "ready" when it carries frames and ends with its standard input.
"""

import selectors
import socket
import sys
import time
from collections import deque

ALL_FRAMES = 3
# Of packet(7), without names in the socket module. Frames keep the kernel's notes on them (checksums that are still to
# be filled in, segments that are still to be cut): without, every TCP packet would arrive broken.
SOL_PACKET, PACKET_VNET_HDR, PACKET_OUTGOING = 263, 15, 4
LONGEST = 70_000


def opened(interface: str) -> socket.socket:
    """All that arrives there."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind((interface, ALL_FRAMES))
    sock.setblocking(False)
    return sock


class Way:
    """One direction: what came in at ``into`` leaves at ``out``."""

    def __init__(self, into: socket.socket, out: socket.socket, seconds: float) -> None:
        self.into = into
        self.out = out
        self.seconds = seconds
        self.waiting: deque[tuple[float, bytes]] = deque()

    def take(self, now: float) -> None:
        while True:
            try:
                frame, (_, _, kind, *_) = self.into.recvfrom(LONGEST)
            except (BlockingIOError, OSError):
                return
            if kind != PACKET_OUTGOING:
                self.waiting.append((now + self.seconds, frame))

    def give(self, now: float) -> float | None:
        """Seconds until the next frame is due."""
        while self.waiting:
            due, frame = self.waiting[0]
            if due > now:
                return due - now
            self.waiting.popleft()
            try:
                self.out.send(frame)
            except OSError:
                # The cable is out at that end: the frame is lost, as on any wire.
                continue
        return None


def carry(seconds: float, one: socket.socket, other: socket.socket) -> None:
    ways = {one: Way(one, other, seconds), other: Way(other, one, seconds)}
    with selectors.DefaultSelector() as watch:
        for ends in (one, other, sys.stdin):
            watch.register(ends, selectors.EVENT_READ)
        while True:
            waits = [wait for way in ways.values() if (wait := way.give(time.monotonic())) is not None]
            for ready, _ in watch.select(min(waits, default=None)):
                if ready.fileobj is sys.stdin:
                    return
                ways[ready.fileobj].take(time.monotonic())


if __name__ == "__main__":
    with opened(sys.argv[2]) as first, opened(sys.argv[3]) as second:
        print("ready", flush=True)
        carry(float(sys.argv[1]), first, second)
