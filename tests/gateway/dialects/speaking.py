"""A node that speaks ``/v1/messages`` and ``/v1/responses`` itself, as newer Ollamas do, and keeps what it was asked."""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

MODEL = "talker:1b"
LISTED = {
    "name": MODEL,
    "model": MODEL,
    "size": 1,
    "digest": "d" * 64,
    "details": {},
    "modified_at": "2026-01-01T00:00:00Z",
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1767225600,
    "model": MODEL,
    "status": "completed",
    "output": [
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "A lamp.", "annotations": []}],
        }
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {"input_tokens": 4, "output_tokens": 2, "total_tokens": 6},
}
START = {"id": "msg_native", "type": "message", "role": "assistant", "model": MODEL, "content": [], "stop_reason": None}
EVENTS = {
    "/v1/messages": [
        {"type": "message_start", "message": START | {"usage": {"input_tokens": 4, "output_tokens": 0}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "A "}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lamp."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "stop_sequence"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ],
    "/v1/responses": [
        {
            "type": "response.created",
            "sequence_number": 0,
            "response": RESPONSE | {"status": "in_progress", "output": []},
        },
        {
            "type": "response.output_text.delta",
            "sequence_number": 1,
            "item_id": "msg_1",
            "output_index": 0,
            "content_index": 0,
            "delta": "A lamp.",
            "logprobs": [],
        },
        {"type": "response.completed", "sequence_number": 2, "response": RESPONSE},
    ],
}


@dataclass
class Talker:
    """``asked`` holds (path, body) of every inference request."""

    url: str
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@contextlib.contextmanager
def talker(version: str) -> Iterator[Talker]:
    """Such a node, which says that it is of ``version``."""

    class Speaks(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        probes: ClassVar = {
            "/api/version": {"version": version},
            "/api/tags": {"models": [LISTED]},
            "/api/ps": {"models": [LISTED]},
        }

        def do_GET(self) -> None:
            self.say("application/json", json.dumps(self.probes.get(self.path, {})).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path not in EVENTS:
                # Loading, and what the model can.
                self.say("application/json", b'{"done":true,"capabilities":["completion"]}')
                return
            started.asked.append((self.path, body))
            lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in EVENTS[self.path]]
            self.say("text/event-stream", "".join(lines).encode())

        def say(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Speaks) as server:
        started = Talker(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield started
        finally:
            server.shutdown()
            thread.join()
