"""A pipeline elsewhere that takes the call which starts it, and says nothing by itself."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Pipeline:
    """``url`` ends with a slash; ``started``: what it was called with."""

    url: str = ""
    started: list[Any] = field(default_factory=list)


@contextmanager
def pipeline() -> Iterator[Pipeline]:
    made = Pipeline()

    class Door(BaseHTTPRequestHandler):
        def log_message(self, *_args: object) -> None:
            return

        def do_POST(self) -> None:
            made.started.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            body = json.dumps({"id": len(made.started)}).encode()
            self.send_response(201)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        made.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
