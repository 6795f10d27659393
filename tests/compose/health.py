"""The checks of health that podman leaves to systemd's timers, run where there is none."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.compose.podman import Podman


@contextmanager
def checked(one: Podman) -> Iterator[None]:
    """Meanwhile every container's own check is run about once a second, so that its state is what Compose asks for."""
    done = threading.Event()

    def check() -> None:
        while not done.wait(1):
            for name in json.loads(one.run("ps", "--format", "json")):
                words = ["nsenter", f"--net=/run/netns/{one.space}", "podman", "healthcheck", "run", name["Names"][0]]
                # One without a check, or that ended a moment ago, is none of ours.
                subprocess.run(words, env=one.env, capture_output=True, check=False, timeout=60)

    thread = threading.Thread(target=check)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
