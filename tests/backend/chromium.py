"""A page in Chromium without a window, asked over its debugging socket."""

import itertools
import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.ports import free_port
from tests.waiting import until


class Tab:
    """One page."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    def open(self, url: str) -> None:
        self._call("Page.navigate", url=url)

    def sized(self, width: int, height: int) -> None:
        """The window in CSS pixels; Chromium's own cannot be as narrow as a phone."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def press(self, key: str, code: int) -> None:
        """A key, by its name and Windows' number for it, where the focus is."""
        for kind in ("rawKeyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def value(self, expression: str) -> Any:
        """Of JavaScript in the page; None when it throws."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=30))
            if message.get("id") == number:
                return dict(message["result"])


@contextmanager
def tab(folder: Path) -> Iterator[Tab]:
    """An empty one of a browser that has nothing stored."""
    port = free_port()
    argv = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}"]
    with (folder / "log").open("wb") as log:
        browser = subprocess.Popen([*argv, f"--remote-debugging-port={port}", "about:blank"], stdout=log, stderr=log)
    try:
        url = until(lambda: _page(port), seconds=30, what="the browser is there", bears=(OSError,))
        with connect(url, max_size=None, proxy=None) as socket:
            yield Tab(socket)
    finally:
        browser.terminate()
        browser.wait(timeout=10)


def _page(port: int) -> str | None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=5) as answer:
        found = json.load(answer)
    return next((str(one["webSocketDebuggerUrl"]) for one in found if one["type"] == "page"), None)
