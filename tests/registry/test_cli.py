"""``cluster-ai svc`` against the real API process."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from cluster_ai.client.instances import get
from cluster_ai.core.errors import ClusterError
from tests.cli.calling import ROOT, cli, environment
from tests.registry.api_process import ApiProcess, api_process
from tests.waiting import until

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    with api_process(tmp_path_factory.mktemp("svc") / "home") as running:
        yield running


KIND = "artist"
"""No other of the kind: the head's own services stand in the registry, too."""


def env(api: ApiProcess, **more: str) -> dict[str, str]:
    return environment(api.home.root, CLUSTER_AI_PORT_BASE=str(api.base), **more)


def said(api: ApiProcess, *words: str, **more: str) -> str:
    done = cli("svc", *words, env=env(api, **more))
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def painter(api: ApiProcess) -> Iterator["subprocess.Popen[str]"]:
    words = ["register", "painter", "--id", "p1", "--kind", KIND, "--url", "http://10.0.0.1:1", "--capability", "paint"]
    words += ["--label", "rack=2", "--metadata", "note=old", "--lease", "1", "--json"]
    command = [sys.executable, "-m", "cluster_ai.cli.main", "svc", *words]
    process = subprocess.Popen(command, env=env(api), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told: dict[str, Any] = json.loads(process.stdout.readline())
    assert (told["schema_version"], told["id"], told["metadata"]) == (1, "p1", {"note": "old"})
    with process:
        yield process
        if process.poll() is None:
            process.kill()


def test_what_is_registered_is_shown_found_and_watched(api: ApiProcess, painter: "subprocess.Popen[str]") -> None:
    assert "painter" in said(api, "ls", "--capability", "paint")
    (row,) = json.loads(said(api, "ls", "--label", "rack=2", "--json"))["items"]
    assert (row["id"], row["state"]) == ("p1", "healthy")
    assert "0.850" in said(api, "discover", "--capability", "paint")
    (found,) = json.loads(said(api, "discover", "--kind", KIND, "--top", "1", "--json"))["items"]
    assert found["score"]["total"] == pytest.approx(0.85)
    lines = [json.loads(line) for line in said(api, "watch", "--kind", KIND, "--count", "3", "--json").splitlines()]
    assert [line["what"] for line in lines] == ["reset", "added", "ready"]
    assert "added  artist  painter  healthy" in said(api, "watch", "--kind", KIND, "--count", "2")
    assert "saudável" in said(api, "ls", LC_ALL="pt_BR.UTF-8")
    painter.send_signal(signal.SIGINT)
    assert painter.wait(timeout=10) == 0
    assert json.loads(said(api, "ls", "--kind", KIND, "--json"))["items"] == []


def test_rm_ends_it_and_whoever_keeps_it_alive_registers_it_again(
    api: ApiProcess, painter: "subprocess.Popen[str]"
) -> None:
    with api.client() as client:
        cli("svc", "rm", "p1", env=env(api))
        until(lambda: client.send(get("p1")).id == "p1", what="it is back", bears=(ClusterError,))
    painter.send_signal(signal.SIGTERM)
    assert painter.wait(timeout=10) == 0


def test_mistakes_are_told_with_their_code(api: ApiProcess) -> None:
    unknown = cli("svc", "rm", "nobody", env=env(api))
    assert unknown.returncode != 0
    assert "unknown_instance" in unknown.stderr
    wrong = cli("svc", "ls", "--kind", "Not A Kind", env=env(api))
    assert "invalid_input" in wrong.stderr
    assert "invalid_input" in cli("svc", "register", "x", "--metadata", "nothing", env=env(api)).stderr
