"""Says again what it hears, on TCP until the other side has ended, and on UDP: ``python echo.py ADDRESS PORT``."""

import selectors
import socket
import sys
import threading


def repeat(sock: socket.socket) -> None:
    with sock:
        while heard := sock.recv(65_536):
            sock.sendall(heard)


place = (sys.argv[1], int(sys.argv[2]))
with socket.create_server(place) as streams, socket.socket(type=socket.SOCK_DGRAM) as packets:
    packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    packets.bind(place)
    with selectors.DefaultSelector() as watch:
        watch.register(streams, selectors.EVENT_READ)
        watch.register(packets, selectors.EVENT_READ)
        while True:
            for ready, _ in watch.select():
                if ready.fileobj is streams:
                    threading.Thread(target=repeat, args=[streams.accept()[0]], daemon=True).start()
                else:
                    packets.sendto(*packets.recvfrom(100))
