"""``cluster-ai init``: a data directory of one's own, its settings, and whether a start would work."""

import json
import os
import socket
import sys
import tomllib
from pathlib import Path

import pytest

from tests.cli.calling import cli, environment, read_until, screen
from tests.ports import free_base

pytestmark = pytest.mark.real


def settings_of(home: Path) -> dict:
    return tomllib.loads((home / "config.toml").read_text())


def test_the_directory_is_made_and_only_what_is_said_is_written(tmp_path: Path) -> None:
    home, base = tmp_path / "home", str(free_base())
    env = environment(home, CLUSTER_AI_LANG="en")
    words = ("init", "--name", "casa", "--language", "pt-BR", "--port-base", base, "--no-node", "--workers", "1")
    first = cli(*words, env=env)
    assert first.returncode == 0, first.stderr
    assert str(home / "config.toml") in first.stdout
    assert "cluster-ai up" in first.stderr
    assert settings_of(home) == {
        "name": "casa", "lang": "pt-BR", "port_base": int(base),
        "node": {"enabled": False}, "compute": {"workers": 1},
    }  # fmt: skip
    assert (home / "secrets").stat().st_mode & 0o777 == 0o700
    again = json.loads(cli(*words, "--json", env=env).stdout)
    assert (again["schema_version"], again["changed"], again["runs"]) == (1, False, False)
    assert again["ports"]["gateway"] == int(base) + 1
    more = cli("init", "--workers", "2", env=env)
    assert (more.returncode, settings_of(home)["compute"], settings_of(home)["name"]) == (0, {"workers": 2}, "casa")


def test_a_start_that_could_not_work_is_refused_here(tmp_path: Path) -> None:
    base = free_base()
    env = environment(tmp_path / "home", CLUSTER_AI_LANG="en")
    with socket.create_server(("127.0.0.1", base)):
        taken = cli("init", "--port-base", str(base), env=env)
        for_programs = cli("init", "--json", env=env)
    assert (taken.returncode, str(base) in taken.stderr, "port_taken" in taken.stderr) == (8, True, True)
    assert (for_programs.returncode, for_programs.stdout) == (8, "")
    assert cli("init", env=env).returncode == 0, "the port is free again"
    opened = cli("init", "--bind", "0.0.0.0", env=env)
    assert (opened.returncode, "admin-password" in opened.stderr) == (1, True), opened.stderr
    assert "bind" not in settings_of(tmp_path / "home"), "nothing was changed"
    (tmp_path / "home/secrets/admin-password").write_text("correct horse battery\n")
    (tmp_path / "home/secrets/admin-password").chmod(0o600)
    assert cli("init", "--bind", "0.0.0.0", env=env).returncode == 0
    wrong = cli("init", "--bind", "no address!", env=env)
    assert (wrong.returncode, wrong.stdout) == (2, ""), wrong.stderr


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = cli("init", env=environment(tmp_path / "file" / "home", CLUSTER_AI_LANG="en"))
    assert (done.returncode, "home_not_writable" in done.stderr) == (4, True), done.stderr


def test_a_person_is_asked_and_what_they_leave_as_it_is_is_not_written(tmp_path: Path) -> None:
    home = tmp_path / "home"
    env = environment(home, CLUSTER_AI_LANG="en", CLUSTER_AI_PORT_BASE=str(free_base()), TERM="xterm", NO_COLOR="1")
    command = [sys.executable, "-m", "cluster_ai.cli.main", "init"]
    process, master, _ = screen(command, env, until="Name of the cluster")
    os.write(master, b"attic\n")
    read_until(master, "Its language")
    os.write(master, b"\n")
    seen = read_until(master, None)
    os.close(master)
    assert process.wait(timeout=20) == 0, seen
    assert settings_of(home) == {"name": "attic"}
