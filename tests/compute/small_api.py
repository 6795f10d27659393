"""A real HTTP server that answers what a worker asks of the API about its tickets, and can be away."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class SmallApi:
    """``orders``: by ticket, what its start answers. ``refuses``: (ticket, verb) -> status and code."""

    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    refuses: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    late: bool = False
    """Cancellations are told by beats alone."""
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By ticket: what a pipeline elsewhere said, told with each answer."""
    lease_seconds: float = 30.0
    said: list[tuple[str, str, dict[str, Any], str]] = field(default_factory=list)
    """Ticket, verb, body, token; what was refused, too."""
    questions: list[tuple[str, int]] = field(default_factory=list)
    """About several attempts at once: the verb, and how many."""
    changed: threading.Condition = field(default_factory=threading.Condition)
    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    shown: list[str] = field(default_factory=list)
    """Serial numbers of the certificates that callers showed."""
    open: set[socket.socket] = field(default_factory=set)
    port: int = 0
    server: ThreadingHTTPServer | None = None

    def answer_many(self, verb: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """As the API answers one question about several; each is noted as if it had been asked alone."""
        self.questions.append((verb, len(body["items"])))
        items = []
        for item in body["items"]:
            said = {name: value for name, value in item.items() if name not in {"ticket_id", "token", "verb"}}
            known = {name: value for name, value in body.items() if name != "items"}
            status, answer = self.answer(item["ticket_id"], item.get("verb", verb), known | said, item["token"])
            told = {"ticket_id": item["ticket_id"], "attempt": item["attempt"], "dup": False}
            refused = {"code": answer.get("code"), "message": ""} if status >= 400 else None
            items.append(told | {"refused": refused, "begun": answer if verb == "start" and not refused else None})
        return 200, {"items": items}

    def answer(self, ticket: str, verb: str, body: dict[str, Any], token: str) -> tuple[int, dict[str, Any]]:
        with self.changed:
            self.said.append((ticket, verb, body, token))
            self.changed.notify_all()
        if refused := self.refuses.get((ticket, verb)):
            return refused[0], {"code": refused[1], "detail": refused[1]}
        match verb:
            case "start":
                return 200, {"order": self.orders[ticket], "lease_seconds": self.lease_seconds} | self.answer_to_start(
                    ticket
                )
            case "heartbeat" | "progress":
                return 200, {"cancel": ticket in self.cancelled, "report": self.reports.get(ticket)}
            case _:
                return 200, {}

    def answer_to_start(self, ticket: str) -> dict[str, Any]:
        said = {"report": self.reports[ticket]} if ticket in self.reports else {}
        return said | ({"cancel": True} if ticket in self.cancelled and not self.late else {})

    def verbs(self, ticket: str) -> list[str]:
        return [verb for name, verb, _, _ in self.said if name == ticket]

    def body(self, ticket: str, verb: str) -> dict[str, Any]:
        return next(body for name, said, body, _ in reversed(self.said) if (name, said) == (ticket, verb))

    def wait(self, ticket: str, verb: str, *, seconds: float = 30.0) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: verb in self.verbs(ticket), seconds), self.said

    def start(self) -> None:
        api = self

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                api.open.add(self.connection)
                if isinstance(self.connection, ssl.SSLSocket):
                    api.shown.append(str((self.connection.getpeercert() or {}).get("serialNumber", "")))

            def finish(self) -> None:
                api.open.discard(self.connection)
                super().finish()

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                _, _, _, _, ticket, verb = self.path.split("/")
                token = self.headers.get("authorization", "").removeprefix("Bearer ")
                if ticket == "batch":
                    status, answer = api.answer_many(verb, json.loads(raw))
                else:
                    status, answer = api.answer(ticket, verb, json.loads(raw), token)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                return

        self.server = ThreadingHTTPServer((self.host, self.port), Door)
        if self.tls is not None:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            # Connections that are kept for the next question end with a process, too.
            for connection in list(self.open):
                connection.shutdown(socket.SHUT_RDWR)
            self.server = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"


@contextmanager
def small_api(*, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[SmallApi]:
    api = SmallApi(host=host, tls=tls)
    api.start()
    try:
        yield api
    finally:
        api.stop()
