"""The image is built and the stack started by the real Compose, on a real container engine.

    pytest -s -m slow tests/compose/test_stack.py

says how large the image is and how long each step took.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.podman import IMAGE, Podman, make_base, make_image, podman
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(2400)]
API = "http://127.0.0.1:8000"
MODELS = "http://127.0.0.1:11435"
FACTS: dict[str, str] = {}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    missing = [name for name in ("podman", "runc", "debootstrap", "ip", "curl") if not shutil.which(name)]
    if missing or os.geteuid() != 0:
        pytest.skip(f"not root, or missing: {missing}; scripts/setup/system_packages.sh installs them")
    assert shutil.which("docker-compose"), "requirements/dev.lock brings it"
    with podman(tmp_path_factory.mktemp("stack")) as one:
        make_base(one)
        since = time.monotonic()
        size = make_image(one)
        FACTS.update(image=f"{size / 1e6:.0f} MB", build=f"{time.monotonic() - since:.0f} s")
        yield one
        print(FACTS)  # what docs/how-to/compose.md tells


def start(engine: Podman, what: str) -> None:
    since = time.monotonic()
    engine.compose("up", "--detach", "--no-build", "cluster", seconds=120)
    until(
        lambda: engine.asked(f"{API}/health") and engine.asked(f"{MODELS}/health"),
        seconds=120, what="API and gateway answer", bears=(AssertionError,),
    )  # fmt: skip
    FACTS[what] = f"{time.monotonic() - since:.1f} s"


def chat(engine: Podman) -> str:
    models = json.loads(engine.asked(f"{MODELS}/v1/models"))["data"]
    name = next(one["id"] for one in models if "smol" in one["id"])
    asked = {"model": name, "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8}
    answer = json.loads(engine.asked(f"{MODELS}/v1/chat/completions", asked))
    return str(answer["choices"][0]["message"]["content"])


def test_the_stack_starts_as_nobody_special_answers_and_keeps_its_data(engine: Podman) -> None:
    start(engine, "first start")
    assert until(lambda: chat(engine), seconds=120, what="a model answers", bears=(AssertionError, StopIteration))

    # Nobody special, who can change nothing of the program, and finds nothing to build with.
    assert engine.inside("id", "-u").strip() == "10001"
    tried = (
        "touch /cluster-ai/x /etc/x 2>/dev/null; ls /cluster-ai/x /etc/x 2>/dev/null; command -v gcc make node npm uv"
    )
    assert engine.inside("sh", "-c", f"{tried}; true") == ""
    assert "CapBnd:\t0000000000000000" in engine.inside("cat", "/proc/1/status")
    check = json.loads(engine.run("image", "inspect", IMAGE))[0]["Healthcheck"]["Test"]
    engine.inside(*check[1:])

    made = json.loads(engine.inside("cluster-ai", "backup", "create", "--json"))
    assert made["verified"]
    assert made["path"].startswith("/backups/")
    before = engine.inside("sh", "-c", "cat /data/secrets/internal.token /data/secrets/first-password")

    engine.compose("kill", "--signal", "SIGKILL", "cluster")
    start(engine, "start after a kill")
    assert until(lambda: chat(engine), seconds=120, what="a model answers again", bears=(AssertionError, StopIteration))
    assert engine.inside("sh", "-c", "cat /data/secrets/internal.token /data/secrets/first-password") == before
    kept = json.loads(engine.inside("cluster-ai", "backup", "ls", "--json"))["items"]
    # Beside those that the schedule made.
    assert Path(made["path"]).name in [one["name"] for one in kept if one["verified"]]

    # A container of its own with the same volumes: nothing lay in the old one.
    engine.compose("down", "--timeout", "60", seconds=120)
    start(engine, "start as a new container")
    assert engine.inside("sh", "-c", "cat /data/secrets/internal.token /data/secrets/first-password") == before
    engine.compose("down", "--volumes", "--timeout", "60", seconds=120)
