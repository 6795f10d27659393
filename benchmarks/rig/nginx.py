"""nginx for a benchmark: as a node that answers at once, and as the proxy that is the limit of what a proxy can do."""

import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.ports import free_port

MODEL = "llama3:latest"
CREATED = "2026-01-01T00:00:00Z"
START_SECONDS = 10.0
LISTED = {"name": MODEL, "model": MODEL, "modified_at": CREATED, "size": 1_000_000, "digest": "0" * 64}
LISTED |= {"details": {"family": "llama", "parameter_size": "8B", "quantization_level": "Q4_0"}}
LOADED = LISTED | {"expires_at": "2126-01-01T00:00:00Z", "size_vram": 1_000_000, "context_length": 8192}
ANSWER = {
    "model": MODEL,
    "created_at": CREATED,
    "message": {"role": "assistant", "content": "Hello!"},
    "done": True,
    "done_reason": "stop",
    "total_duration": 1_000_000,
    "load_duration": 0,
    "prompt_eval_count": 100,
    "prompt_eval_duration": 1_000_000,
    "eval_count": 1,
    "eval_duration": 1_000_000,
}

FRAME = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 3600;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{inside}
}}
"""
NODE = """
  server {{
    listen 127.0.0.1:{port}; default_type application/json;
    location = /api/version {{ return 200 '{{"version":"0.33.0"}}'; }}
    location = /api/tags {{ return 200 '{{"models":[{listed}]}}'; }}
    location = /api/ps {{ return 200 '{{"models":[{loaded}]}}'; }}
    location = /v1/chat/completions {{ return 200 '{{"object":"chat.completion","choices":[]}}'; }}
    location / {{ default_type application/x-ndjson; return 200 '{answer}\\n'; }}
  }}
"""
PROXY = """
  upstream node {{ server 127.0.0.1:{node}; {keeps} }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://node; {reuses} }}
  }}
"""
KEEPS = "keepalive 256; keepalive_requests 100000000;"
REUSES = 'proxy_http_version 1.1; proxy_set_header Connection "";'


class NoNginx(SystemExit):
    """It is not installed."""


def program(name: str) -> str:
    """Where ``nginx`` or ``wrk`` is.

    Raises:
        NoNginx: nowhere.
    """
    if found := shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin:/opt/homebrew/bin"):
        return found
    raise NoNginx(f"{name} is not installed; scripts/setup/system_packages.sh does it (Debian: apt-get install {name})")


def node_site(port: int) -> str:
    """A node of one model that says the same to everybody, at once."""
    text = {name: json.dumps(value, separators=(",", ":")) for name, value in said().items()}
    return NODE.format(port=port, **text)


def said() -> dict[str, object]:
    return {"listed": LISTED, "loaded": LOADED, "answer": ANSWER}


def proxy_site(port: int, node: int, *, reuse: bool) -> str:
    """``reuse``: connections to the node are kept; without it nginx opens one for each request, as it does unasked."""
    return PROXY.format(port=port, node=node, keeps=KEEPS if reuse else "", reuses=REUSES if reuse else "")


@contextmanager
def serving(site: str, port: int) -> Iterator[psutil.Process]:
    """One nginx with one worker; the worker is what is yielded."""
    with tempfile.TemporaryDirectory(prefix="cluster-ai-nginx-") as folder:
        path = Path(folder) / "nginx.conf"
        path.write_text(FRAME.format(folder=folder, inside=site), encoding="utf-8")
        started = subprocess.Popen([program("nginx"), "-c", str(path), "-p", folder], stderr=subprocess.DEVNULL)
        try:
            wait_for(port, started)
            yield psutil.Process(started.pid).children()[0]
        finally:
            started.terminate()
            started.wait(timeout=10)


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/version", timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("nginx did not start")


@contextmanager
def node() -> Iterator[tuple[int, psutil.Process]]:
    """The node: its port and its worker."""
    port = free_port()
    with serving(node_site(port), port) as worker:
        yield port, worker


@contextmanager
def proxy(upstream: int, *, reuse: bool) -> Iterator[tuple[int, psutil.Process]]:
    """The limit: its port and its worker."""
    port = free_port()
    with serving(proxy_site(port, upstream, reuse=reuse), port) as worker:
        yield port, worker
