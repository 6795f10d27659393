"""The image is built and the stack started by the real Compose, on a real container engine.

    pytest -s -m slow tests/compose/test_stack.py

says how large the image is and how long each step took.
"""

import json
import time
from pathlib import Path

import pytest

from tests.compose.podman import FACTS, IMAGE, ROOT, Podman, Stack
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(2400)]
API = "http://127.0.0.1:8000"
MODELS = "http://127.0.0.1:11435"


OVERRIDE = f"services:\n  cluster:\n    image: {IMAGE}\n    init: false\n"
"""podman's init is a package of its own."""


@pytest.fixture
def stack(engine: Podman) -> Stack:
    return Stack(engine, ROOT / "docker-compose.yml", OVERRIDE)


def start(stack: Stack, what: str) -> None:
    since = time.monotonic()
    stack.compose("up", "--detach", "--no-build", "cluster", seconds=120)
    until(
        lambda: stack.engine.asked(f"{API}/health") and stack.engine.asked(f"{MODELS}/health"),
        seconds=120, what="API and gateway answer", bears=(AssertionError,),
    )  # fmt: skip
    FACTS[what] = f"{time.monotonic() - since:.1f} s"


def chat(engine: Podman) -> str:
    models = json.loads(engine.asked(f"{MODELS}/v1/models"))["data"]
    name = next(one["id"] for one in models if "smol" in one["id"])
    asked = {"model": name, "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8}
    answer = json.loads(engine.asked(f"{MODELS}/v1/chat/completions", asked))
    return str(answer["choices"][0]["message"]["content"])


def test_the_stack_starts_as_nobody_special_answers_and_keeps_its_data(engine: Podman, stack: Stack) -> None:
    start(stack, "first start")
    assert until(lambda: chat(engine), seconds=120, what="a model answers", bears=(AssertionError, StopIteration))

    # Nobody special, who can change nothing of the program, and finds nothing to build with.
    assert stack.inside("cluster", "id", "-u").strip() == "10001"
    tried = (
        "touch /cluster-ai/x /etc/x 2>/dev/null; ls /cluster-ai/x /etc/x 2>/dev/null; command -v gcc make node npm uv"
    )
    assert stack.inside("cluster", "sh", "-c", f"{tried}; true") == ""
    assert "CapBnd:\t0000000000000000" in stack.inside("cluster", "cat", "/proc/1/status")
    check = json.loads(engine.run("image", "inspect", IMAGE))[0]["Healthcheck"]["Test"]
    stack.inside("cluster", *check[1:])

    made = json.loads(stack.inside("cluster", "cluster-ai", "backup", "create", "--json"))
    assert made["verified"]
    assert made["path"].startswith("/backups/")
    before = stack.inside("cluster", "sh", "-c", "cat /data/secrets/internal.token /data/secrets/first-password")

    stack.compose("kill", "--signal", "SIGKILL", "cluster")
    start(stack, "start after a kill")
    assert until(lambda: chat(engine), seconds=120, what="a model answers again", bears=(AssertionError, StopIteration))
    assert (
        stack.inside("cluster", "sh", "-c", "cat /data/secrets/internal.token /data/secrets/first-password") == before
    )
    kept = json.loads(stack.inside("cluster", "cluster-ai", "backup", "ls", "--json"))["items"]
    # Beside those that the schedule made.
    assert Path(made["path"]).name in [one["name"] for one in kept if one["verified"]]

    # A container of its own with the same volumes: nothing lay in the old one.
    stack.compose("down", "--timeout", "60", seconds=120)
    start(stack, "start as a new container")
    assert (
        stack.inside("cluster", "sh", "-c", "cat /data/secrets/internal.token /data/secrets/first-password") == before
    )
    stack.compose("down", "--volumes", "--timeout", "60", seconds=120)
