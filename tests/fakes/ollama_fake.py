"""Fake Ollama nodes, many in one process: ``python -m tests.fakes.ollama_fake --nodes 3 --port-file ports.json``.

The port file appears, whole, when every node listens: ``{"control": url, "nodes": [url, ...]}``. Without it the same
is printed. The process ends on SIGTERM or SIGINT, or when its standard input closes while ``--with-parent`` is set.
"""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from tests.fakes.control import Control, url
from tests.fakes.node import Node


def told_to_stop(*, with_parent: bool) -> asyncio.Event:
    """Set on SIGTERM, SIGINT, or the end of standard input when ``with_parent``."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if with_parent:
        # A pipe whose other end the parent holds: it closes however the parent dies.
        loop.add_reader(sys.stdin.fileno(), stop.set)
    return stop


def announce(told: dict[str, object], port_file: Path | None) -> None:
    text = json.dumps(told)
    if port_file is None:
        print(text, flush=True)
        return
    half = port_file.with_suffix(".half")
    half.write_text(text, encoding="utf-8")
    half.rename(port_file)


async def run(count: int, port_file: Path | None, *, with_parent: bool = False) -> None:
    """Serve until told to stop."""
    stop = told_to_stop(with_parent=with_parent)
    nodes = [Node(f"fake-{number}") for number in range(count)]
    control = await asyncio.start_server(Control(nodes).serve, "127.0.0.1", 0)
    for node in nodes:
        await node.open()
    port = control.sockets[0].getsockname()[1]
    announce({"control": f"http://127.0.0.1:{port}", "nodes": [url(node) for node in nodes]}, port_file)
    await stop.wait()
    control.close()
    for node in nodes:
        await node.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Fake Ollama nodes on ephemeral ports of 127.0.0.1.")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--port-file", type=Path)
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    given = parser.parse_args()
    asyncio.run(run(given.nodes, given.port_file, with_parent=given.with_parent))


if __name__ == "__main__":
    main()
