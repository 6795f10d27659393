"""A gateway as the jobs see it: a real HTTP server with real faults, and a count of who asked what."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Plan:
    """What the server does. Changed by tests while it runs."""

    delay: float = 0.0
    busy_first: int = 0
    """So many answers are 503 with Retry-After before the first good one."""
    refused: str = "never asked"
    """Prompts that contain this get 400."""
    broken: str = "never asked"
    """Prompts that contain this get 500."""
    down: bool = False
    says: str = ""
    """Its answer to everything; empty: the prompt in capitals."""
    keys: set[str] = field(default_factory=set)
    """What callers showed as their key."""
    formats: list[Any] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    most_at_once: int = 0
    at_once: int = 0


def _aside(path: str, body: Any) -> tuple[int, Any] | None:
    """The answer to what is no chat."""
    if path == "/api/show":
        known = body["model"] == "smollm2:135m"
        return (200, {}) if known else (404, {"error": "model not found"})
    if path == "/api/embed":
        return 200, {"embeddings": [[float(len(text)), 1.0] for text in body["input"]]}
    return None


def _routes(plan: Plan) -> type[BaseHTTPRequestHandler]:
    class Routes(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_args: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if aside := _aside(self.path, body):
                self._send(*aside)
                return
            plan.keys.add(self.headers.get("Authorization", ""))
            plan.formats.append(body.get("format"))
            prompt = body["messages"][-1]["content"]
            with plan.lock:
                plan.asked[prompt] += 1
                plan.at_once += 1
                plan.most_at_once = max(plan.most_at_once, plan.at_once)
                busy = plan.busy_first > 0
                plan.busy_first -= busy
            try:
                self._answer(prompt, busy)
            finally:
                with plan.lock:
                    plan.at_once -= 1

        def _answer(self, prompt: str, busy: bool) -> None:
            time.sleep(plan.delay)
            if busy or plan.down:
                self._send(503, {"error": "busy"}, {"Retry-After": "0"})
            elif plan.refused in prompt:
                self._send(400, {"error": "not like this"})
            elif plan.broken in prompt:
                self._send(500, {"error": "the model crashed"})
            else:
                plan.answered[prompt] += 1
                words = {"prompt_eval_count": len(prompt.split()), "eval_count": 1}
                said = {"message": {"role": "assistant", "content": plan.says or prompt.upper()}, "done": True, **words}
                self._send(200, said, {"X-Cluster-Node": "node-1"})

        def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

    return Routes


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, *_args: Any) -> None:
        """Clients are killed in these tests; their broken pipes are no news."""


@contextmanager
def serving(*, host: str = "127.0.0.1", **values: Any) -> Iterator[tuple[str, Plan]]:
    """Base URL and plan of a running server."""
    plan = Plan(**values)
    with _Server((host, 0), _routes(plan)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://{host}:{server.server_port}", plan
        finally:
            server.shutdown()
            thread.join()
