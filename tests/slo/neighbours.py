"""A small Ollama that can fail, and the real Prometheus and Alertmanager of the system's packages."""

import contextlib
import json
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.waiting import until

MODEL = {
    "name": "tiny:1b", "model": "tiny:1b", "size": 1000, "digest": "a" * 64, "modified_at": "2026-01-01T00:00:00Z",
    "details": {"family": "llama", "parameter_size": "1B", "quantization_level": "Q4_0", "format": "gguf"},
}  # fmt: skip


@dataclass
class Ollama:
    """While it ``fails`` every chat is answered with 500."""

    url: str = ""
    fails: bool = False
    chats: int = 0
    pulls: int = 0
    server: ThreadingHTTPServer | None = field(default=None, repr=False)

    def answer(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        if (method, path) == ("POST", "/api/chat"):
            return self.chat()
        if (method, path) == ("POST", "/api/pull"):
            self.pulls += 1
            return 200, {"status": "success"}
        found = {
            "/api/tags": {"models": [MODEL]},
            "/api/ps": {"models": [MODEL]},
            "/api/version": {"version": "0.17.1"},
            "/api/show": {"details": MODEL["details"], "model_info": {}, "capabilities": ["completion"]},
        }
        return (200, found[path]) if path in found else (404, {"error": "not found"})

    def chat(self) -> tuple[int, dict[str, Any]]:
        self.chats += 1
        if self.fails:
            return 500, {"error": "llama runner process has terminated"}
        said = {"role": "assistant", "content": "Paris"}
        return 200, {"model": MODEL["name"], "message": said, "done": True, "done_reason": "stop"}


@contextlib.contextmanager
def ollama() -> Iterator[Ollama]:
    made = Ollama()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def _any(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            status, said = made.answer(self.command, self.path)
            raw = json.dumps(said).encode() + b"\n"
            self.send_response(status)
            kind = "application/x-ndjson" if self.path in {"/api/chat", "/api/pull"} else "application/json"
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    for verb in ("GET", "POST", "HEAD", "DELETE"):
        setattr(Handler, f"do_{verb}", Handler._any)
    made.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{made.server.server_port}"
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()


@contextlib.contextmanager
def process(argv: list[str], url: str, log: Path) -> Iterator[str]:
    """A program that answers at ``url`` as long as the block runs."""
    with log.open("w") as out:
        child = subprocess.Popen(argv, stdout=out, stderr=out)
        try:
            until(lambda: is_ready(url) or child.poll() is not None, seconds=15, what=f"{argv[0]} is ready")
            assert child.poll() is None, log.read_text()
            yield url
        finally:
            child.terminate()
            child.wait(timeout=20)


def is_ready(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/-/ready", timeout=1) as answer:
        return bool(answer.status == 200)
    return False


@contextlib.contextmanager
def alertmanager(folder: Path, port: int, *, webhook: str, token: Path) -> Iterator[str]:
    """A real one that brings everything about objectives to ``webhook``."""
    config = {
        "route": {"receiver": "nobody", "routes": [
            {"receiver": "cluster-ai", "matchers": ['slo=~".+"'], "group_by": ["slo", "service"],
             "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"},
        ]},
        "receivers": [
            {"name": "nobody"},
            {"name": "cluster-ai", "webhook_configs": [
                {"url": webhook, "send_resolved": True,
                 "http_config": {"authorization": {"type": "Bearer", "credentials_file": str(token)}}},
            ]},
        ],
    }  # fmt: skip
    file = folder / "alertmanager.yml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    checked = subprocess.run(["amtool", "check-config", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    argv = [
        "prometheus-alertmanager", f"--config.file={file}", f"--storage.path={folder / 'am'}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ]  # fmt: skip
    with process(argv, f"http://127.0.0.1:{port}", folder / "am.log") as url:
        yield url


@contextlib.contextmanager
def prometheus(folder: Path, port: int, *, scrape: str, token: str, alerts: str, rules: str) -> Iterator[str]:
    """A real one that scrapes ``scrape`` (host:port) each second, with these rules."""
    (folder / "slo.yml").write_text(rules, encoding="utf-8")
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "slo.yml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alerts.removeprefix("http://")]}]}]},
        "scrape_configs": [
            {"job_name": "cluster-ai", "authorization": {"type": "Bearer", "credentials": token},
             "static_configs": [{"targets": [scrape]}]},
        ],
    }  # fmt: skip
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    checked = subprocess.run(["promtool", "check", "config", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    argv = [
        "prometheus", f"--config.file={file}", f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
    ]  # fmt: skip
    with process(argv, f"http://127.0.0.1:{port}", folder / "prometheus.log") as url:
        yield url
