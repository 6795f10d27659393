"""What is said, and with which code a run ends, when no cluster is there."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cluster_ai.cli.exits import Exit, code_of
from cluster_ai.core.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    InvalidInput,
    Misconfigured,
    NotFound,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from cluster_ai.supervisor.lock import AlreadyRuns
from cluster_ai.supervisor.preflight import NoSpace, NotWritable, PortInUse
from tests.cli.calling import cli, environment


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ClusterError("x"), 1),
        (Misconfigured("x"), 1),
        (Conflict("x"), 1),
        (AlreadyRuns("x"), 1),
        (InvalidInput("x"), 2),
        (NotFound("x"), 3),
        (Unauthenticated("x"), 4),
        (Forbidden("x"), 4),
        (NotWritable("x"), 4),
        (Unavailable("x"), 5),
        (Unsupported("x"), 6),
        (PortInUse("x"), 8),
        (NoSpace("x"), 9),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, ClusterError) else "",
)
def test_each_error_has_its_exit_code(error: ClusterError, code: int) -> None:
    assert code_of(error) == code


def test_a_finer_code_of_the_api_wins_over_the_class() -> None:
    error = InvalidInput("too short")
    vars(error)["code"] = "weak_password"
    assert code_of(error) is Exit.REFUSED


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("status",), 5),
        (("status", "--json"), 5),
        (("ps",), 5),
        (("node", "ls"), 5),
        (("node", "ls", "--json"), 5),
        (("model", "rm", "m", "--yes"), 5),
        (("compute", "workers"), 5),
        (("run", "m", "hello"), 5),
        (("embed", "m", "hello"), 5),
        (("open",), 5),
        (("events",), 5),
        (("restart", "gateway"), 5),
        (("logs",), 3),
        (("logs", "gateway"), 3),
        (("serve", "nothing"), 3),
        (("run-example", "words", "/no/such/place"), 3),
        (("down",), 0),
        (("version",), 0),
        (("config", "show"), 0),
        (("diag",), 7),
        (("frobnicate",), 2),
        (("up", "--port-base", "80"), 2),
        (("up", "--no-such-option"), 2),
        (("node", "show"), 2),
        (("run", "m"), 2),
        (("run", "m", "hello", "-o", "nonsense"), 2),
        (("embed", "m"), 2),
        (("auth", "set-password"), 5),
        (("model", "rm", "m"), 2),
        (("tui",), 2),
        (("completion", "tcsh"), 2),
        ((), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_exit_code_without_a_cluster(tmp_path: Path, words: tuple[str, ...], code: int) -> None:
    # Ports that nobody has, so that a cluster of somebody else on this machine does not answer.
    done = cli(*words, env=environment(tmp_path / "home", CLUSTER_AI_PORT_BASE="64000"))
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if code not in {0, 7}:
        assert done.stdout == "", "an error leaves stdout to data"
        assert done.stderr.strip()


def test_looking_makes_no_data_directory(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for words in (("status",), ("diag",), ("down",), ("config", "show"), ("logs",)):
        cli(*words, env=environment(home, CLUSTER_AI_PORT_BASE="64000"))
    assert not home.exists()


def test_an_error_says_what_is_wrong_what_to_do_and_its_code(tmp_path: Path) -> None:
    done = cli("status", env=environment(tmp_path))
    what, fix, code = done.stderr.strip().splitlines()
    assert str(tmp_path) in what
    assert "manager.sh start" in fix
    assert code.split()[-1] == "unavailable"


def test_a_mistyped_verb_is_guessed(tmp_path: Path) -> None:
    done = cli("stats", env=environment(tmp_path))
    assert "status" in done.stderr
    done = cli("up", "--detahc", env=environment(tmp_path))
    assert "--detach" in done.stderr


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[gateway]\nprobe_secs = 1\n")
    done = cli("config", "show", env=environment(tmp_path))
    assert done.returncode == 1
    assert "gateway.probe_secs" in done.stderr
    done = cli("diag", "--json", env=environment(tmp_path))
    assert done.returncode == 7
    assert json.loads(done.stdout)["checks"][0]["id"] == "settings"


@pytest.mark.parametrize("secret", ["hunter2", "hun@ter2", "hun/ter2"])
def test_secrets_of_the_settings_are_masked(tmp_path: Path, secret: str) -> None:
    env = environment(tmp_path, CLUSTER_AI_DATABASE_URL=f"postgresql://me:{secret}@db/cluster")
    for words in (("config", "show"), ("config", "show", "--json")):
        done = cli(*words, env=env)
        assert "ter2" not in done.stdout
        assert "me:***@db" in done.stdout


def test_settings_are_shown_as_the_file_takes_them(tmp_path: Path) -> None:
    env = environment(tmp_path)
    shown = cli("config", "show", env=env).stdout
    lines = [line for line in shown.splitlines() if not line.startswith(("home", "ports.", "#"))]
    (tmp_path / "config.toml").write_text("\n".join(lines))
    assert cli("config", "show", env=env).stdout == shown


def test_completion_scripts_come_for_each_shell(tmp_path: Path) -> None:
    for shell in ("bash", "zsh", "fish"):
        done = cli("completion", shell, env=environment(tmp_path))
        assert done.returncode == 0
        assert "_CLUSTER_AI_COMPLETE" in done.stdout


def test_completion_knows_the_verbs(tmp_path: Path) -> None:
    env = environment(tmp_path, _CLUSTER_AI_COMPLETE="bash_complete", COMP_WORDS="cluster-ai sta", COMP_CWORD="1")
    assert "plain,status" in cli(env=env).stdout


def test_a_reader_who_leaves_is_no_error(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-m", "cluster_ai.cli.main", "config", "show"],
        env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert writer.stdout
    writer.stdout.close()
    assert writer.stderr
    said = writer.stderr.read()
    writer.stderr.close()
    assert writer.wait(timeout=30) == 0
    assert said == b""


def test_a_full_disk_behind_stdout_is_said(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cluster_ai.cli.main", "config", "show"],
            env=environment(tmp_path), stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_taken_port_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as thief:
        port = thief.getsockname()[1]
        env = environment(tmp_path, CLUSTER_AI_PORTS__GATEWAY=str(port))
        for words in (("up",), ("up", "--detach")):
            done = cli(*words, env=env)
            assert done.returncode == 8, done.stderr
            assert f"{port} (gateway)" in done.stderr
    assert cli("status", env=env).returncode == 5


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for words in (("up",), ("up", "--detach")):
        done = cli(*words, env=environment(tmp_path / "file"))
        assert done.returncode == 4
        assert "cannot be used" in done.stderr
