"""``python -m cluster_ai.engines.runner FD``: a process that holds one model and answers over sockets it is handed.

A process of its own for each model, because loading holds the interpreter for seconds, a native crash ends whatever
shares its process, and only an ended process gives all its memory back.

FD is a Unix socket. It brings the ``LoadSpec`` as one JSON line and gets back ``{"ready": ...}`` or
``{"failed": ...}``; after that each descriptor that arrives on it is one exchange: a request line in, answer lines
out, closed by us.
"""

import contextlib
import json
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from cluster_ai.core.processes import tie_to_parent
from cluster_ai.engines.types import LoadSpec

if TYPE_CHECKING:
    from cluster_ai.engines.llama import Llama

_BAD_REQUEST: Final = 400
_FAILED: Final = 500


def main(descriptor: int) -> None:
    """Serves until the other end is gone."""
    tie_to_parent()
    # A Ctrl-C in a terminal reaches the whole group; whoever started us decides when we end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=descriptor) as control:
        spec = LoadSpec.model_validate_json(_line(control))
        try:
            model = _load(spec)
        except (RuntimeError, ValueError, OSError) as exc:
            _tell(control, {"failed": str(exc)})
            return
        _tell(control, {"ready": os.getpid()})
        _take_exchanges(control, model)
    # Threads may be inside llama.cpp, which joins its own at a tidy exit; nobody waits for their answers any more.
    os._exit(0)


def _load(spec: LoadSpec) -> "Llama":
    from cluster_ai.engines.llama import Llama  # noqa: PLC0415 - heavy, and its own import may fail

    return Llama(spec)


def _take_exchanges(control: socket.socket, model: "Llama") -> None:
    while True:
        mark, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not mark:
            return
        if descriptors:
            threading.Thread(target=_exchange, args=(descriptors[0], model), daemon=True).start()


def _exchange(descriptor: int, model: "Llama") -> None:
    # A reader who is gone is no failure of ours; closing the socket ends the exchange either way.
    with socket.socket(fileno=descriptor) as peer, contextlib.suppress(ConnectionError):
        request = json.loads(_line(peer))
        try:
            _answer(peer, model, request)
        except ValueError as exc:
            _tell(peer, {"error": {"code": _BAD_REQUEST, "message": str(exc)}})
        except RuntimeError as exc:
            _tell(peer, {"error": {"code": _FAILED, "message": str(exc)}})


def _answer(peer: socket.socket, model: "Llama", request: dict[str, Any]) -> None:
    kind, body = request["kind"], request["body"]
    if kind == "embed":
        _tell(peer, model.embed(body))
        return

    def emit(chunk: dict[str, Any]) -> bool:
        try:
            if _left(peer):
                return True
            _tell(peer, chunk)
        except OSError:
            return True
        return False

    model.write(kind, body, emit)


def _left(peer: socket.socket) -> bool:
    """Whether the other side has closed, or says by closing its writing half that it wants no more."""
    try:
        return not peer.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK)
    except BlockingIOError:
        return False


def _tell(peer: socket.socket, message: dict[str, Any]) -> None:
    peer.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")


def _line(peer: socket.socket) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):
        part = peer.recv(65_536)
        if not part:
            raise ConnectionResetError("closed before a whole line came")
        line += part
    return bytes(line)


if __name__ == "__main__":
    main(int(sys.argv[1]))
