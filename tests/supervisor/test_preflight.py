"""What is refused before anything is started."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cluster_ai.core.paths import Home
from cluster_ai.supervisor.lock import AlreadyRuns, only_one
from cluster_ai.supervisor.preflight import NoSpace, NotWritable, PortInUse, refuse, refuse_home
from cluster_ai.supervisor.types import PartSpec


def test_a_taken_port_is_named_with_its_part_and_its_owner(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(PortInUse) as refused:
            refuse(Home(tmp_path / "home"), [PartSpec("web", ("true",), ports=(port,))])
    assert f"{port} (web) is used by {psutil.Process().name()}" in str(refused.value)
    assert f"(process {os.getpid()})" in str(refused.value)
    assert "--port-base" in refused.value.hint


def test_every_taken_port_is_found_in_one_go(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = (one.getsockname()[1], two.getsockname()[1])
        with pytest.raises(PortInUse, match=f"ports {ports[0]} .* {ports[1]} "):
            refuse(Home(tmp_path / "home"), [PartSpec("web", ("true",), ports=ports)])


def test_a_port_that_was_left_a_moment_ago_is_free(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            sock.accept()[0].close()
    refuse(Home(tmp_path / "home"), [PartSpec("web", ("true",), ports=(port,))])


def test_a_nearly_full_disk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoSpace, match=r"MiB are free on the disk that holds .*; 9000000000 MiB are needed"):
        refuse(Home(tmp_path / "home"), [], least_free=9_000_000_000 << 20)


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(NotWritable, match="cannot be used: ") as refused:
        refuse_home(Home(tmp_path / "home"))
    assert "CLUSTER_AI_HOME" in refused.value.hint


def test_the_data_directory_is_for_its_owner_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "deep" / "home")
    refuse_home(home)
    assert {folder.stat().st_mode & 0o777 for folder in (home.root, home.secrets, home.run, home.logs)} == {0o700}


def test_the_lock_names_who_holds_it_and_ends_with_its_owner(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make()
    code = (
        "import sys; from pathlib import Path; from cluster_ai.core.paths import Home\n"
        "from cluster_ai.supervisor.lock import only_one\n"
        "with only_one(Home(Path(sys.argv[1]))): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as other:  # fmt: skip
        assert other.stdout
        other.stdout.readline()
        with pytest.raises(AlreadyRuns, match=rf"process {other.pid}\)"), only_one(home):
            pass
        other.kill()
        other.wait()
    with only_one(home):
        pass
