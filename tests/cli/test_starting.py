"""Starts that are watched, interrupted, killed, doubled, or cannot work."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.calling import ROOT, cli, environment, read_until, screen
from tests.cli.conftest import free_base

pytestmark = [pytest.mark.real]

UP = [sys.executable, "-m", "cluster_ai.cli.main", "up"]


@pytest.fixture
def env(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The smallest cluster: no node, no worker."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(
        f"port_base = {free_base()}\n[node]\nenabled = false\n[compute]\nworkers = 0\n[gateway]\nfind_local_ollama = false\n"
    )
    found = environment(home)
    yield found
    cli("down", env=found)
    assert not left_over(home)


def left_over(home: Path) -> list[str]:
    """Command lines of processes that run on ``home``."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("CLUSTER_AI_HOME") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def home_of(env: dict[str, str]) -> Path:
    return Path(env["CLUSTER_AI_HOME"])


def until_ready(env: dict[str, str]) -> None:
    end = time.monotonic() + 40
    while cli("status", env=env).returncode != 0:
        assert time.monotonic() < end


def test_in_a_terminal_one_sees_each_part_and_ctrl_c_stops_all(env: dict[str, str]) -> None:
    process, master, seen = screen(UP, {**env, "TERM": "xterm", "NO_COLOR": "1"}, until="Ctrl-C")
    assert "gateway" in seen
    assert "admin" in seen
    assert not (home_of(env) / "secrets/first-password").exists(), "it was shown on this terminal"
    process.send_signal(signal.SIGINT)
    assert "has stopped" in read_until(master, None)
    os.close(master)
    assert process.wait(timeout=30) == 0
    assert not left_over(home_of(env))
    assert not (home_of(env) / "run/port-base").exists()


def test_without_a_terminal_it_logs_json_and_keeps_the_password(env: dict[str, str]) -> None:
    process = subprocess.Popen(UP, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until_ready(env)
    assert (home_of(env) / "run/port-base").exists()
    password = (home_of(env) / "secrets/first-password").read_text().strip()
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert all(line.startswith("{") for line in said.splitlines())
    assert "cluster is ready" in said
    assert password not in said


def test_a_detached_start_is_drawn_in_place_on_a_terminal(env: dict[str, str]) -> None:
    process, master, seen = screen([*UP, "--detach"], {**env, "TERM": "xterm"}, until="Dask")
    seen += read_until(master, None)
    os.close(master)
    assert process.wait(timeout=30) == 0
    assert "\x1b[2K" in seen, "lines are redrawn"
    assert "✔" in seen
    assert cli("status", env=env).returncode == 0


def test_a_part_that_cannot_live_takes_the_start_back(env: dict[str, str]) -> None:
    broken = {
        **env,
        "CLUSTER_AI_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "CLUSTER_AI_SUPERVISOR__CRASH_LIMIT": "2",
    }
    done = cli("up", "--detach", env=broken, timeout=100)
    assert done.returncode == 1, done.stderr
    assert "backend" in done.stderr
    assert "nothing is left running" in done.stderr
    assert "backend.log" in done.stderr
    assert not left_over(home_of(env))


def test_a_start_that_takes_too_long_is_taken_back(env: dict[str, str]) -> None:
    done = cli("up", "--detach", "--timeout", "1", env=env)
    assert done.returncode == 1
    assert "Took too long. Not ready: " in done.stderr
    assert not left_over(home_of(env))


def test_an_interrupted_start_leaves_nothing(env: dict[str, str]) -> None:
    process = subprocess.Popen([*UP, "--detach"], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    assert process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=40)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert not left_over(home_of(env))


def test_a_killed_supervisor_ends_the_wait_with_its_reason(env: dict[str, str]) -> None:
    process = subprocess.Popen([*UP, "--detach"], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    assert process.stderr.readline()
    os.kill(int((home_of(env) / "run/supervisor.lock").read_text()), signal.SIGKILL)
    _, said = process.communicate(timeout=40)
    assert process.returncode == 1
    assert "SIGKILL" in said
    end = time.monotonic() + 5
    while left_over(home_of(env)):
        assert time.monotonic() < end
    assert cli("up", "--detach", env=env, timeout=100).returncode == 0


def test_two_starts_at_once_make_one_cluster(env: dict[str, str]) -> None:
    both = [
        subprocess.Popen(
            [*UP, "--detach"], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=100) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    supervisors = [line for line in left_over(home_of(env)) if line.endswith("cluster_ai.cli.main up")]
    assert len(supervisors) == 1
    assert sum("admin" in out for out, _ in said) == 1, "the password is shown once"


def test_a_mute_supervisor_is_stopped_all_the_same(env: dict[str, str]) -> None:
    assert cli("up", "--detach", "--no-wait", env=env).returncode == 0
    until_ready(env)
    (home_of(env) / "run/control.sock").unlink()
    assert cli("status", env=env).returncode == 5
    assert cli("down", env=env).returncode == 0
    assert not left_over(home_of(env))
