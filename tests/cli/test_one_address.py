"""A cluster that listens on one address only: neither 127.0.0.1 nor all."""

import json
import os
import socket
import sys
from collections.abc import Iterator

import pytest

from cluster_ai.core.addresses import near, origin, shown
from cluster_ai.supervisor.preflight import PortInUse, refuse_ports
from cluster_ai.supervisor.types import PartSpec
from tests.cli.calling import cli, environment, screen
from tests.ports import free_base

HERE = "127.0.0.2"


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory, fake_node: str) -> Iterator[dict[str, str]]:
    home = tmp_path_factory.mktemp("address") / "home"
    home.mkdir()
    (home / "config.toml").write_text(
        f'bind = "{HERE}"\nport_base = {free_base()}\n[node]\nenabled = false\n[compute]\nworkers = 0\n[gateway]\n'
        f'find_local_ollama = false\nupstreams = [{{name = "fake", url = "{fake_node}"}}]\n'
    )
    env = environment(home)
    started = cli("up", "--detach", env=env, timeout=100)
    try:
        assert started.returncode == 0, started.stderr
        assert f"http://{HERE}:" in started.stdout
        yield env
    finally:
        cli("down", env=env)


@pytest.mark.real
@pytest.mark.parametrize("words", [["status"], ["node", "list"], ["chat", "hello"], ["gateway", "decisions"]])
def test_verbs_ask_where_the_cluster_listens(env: dict[str, str], words: list[str]) -> None:
    done = cli(*words, env=env)
    assert done.returncode == 0, done.stderr


@pytest.mark.real
def test_diag_finds_nothing_wrong_with_the_address(env: dict[str, str]) -> None:
    checks = json.loads(cli("diag", "--json", env=env).stdout)["checks"]
    wrong = [check for check in checks if "refused" in check["evidence"] or "127.0.0.1" in check["evidence"]]
    assert not wrong


@pytest.mark.real
def test_the_live_view_shows_the_cluster(env: dict[str, str]) -> None:
    command = [sys.executable, "-m", "cluster_ai.cli.main", "tui"]
    process, master, _ = screen(command, env | {"TERM": "xterm"}, until="fake")
    process.terminate()
    process.wait(timeout=10)
    os.close(master)


def test_a_port_is_looked_at_where_its_part_will_listen() -> None:
    with socket.create_server((HERE, 0)) as taken:
        port = taken.getsockname()[1]
        refuse_ports([PartSpec("inside", (), ports=(port,))])
        with pytest.raises(PortInUse):
            refuse_ports([PartSpec("door", (), ports=(port,), listens=(HERE, port))])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refuse_ports([PartSpec("door", (), ports=(port,), listens=(HERE, port))])
        with pytest.raises(PortInUse):
            refuse_ports([PartSpec("inside", (), ports=(port,))])


@pytest.mark.parametrize(
    ("bind", "host", "url", "name"),
    [
        ("127.0.0.1", "127.0.0.1", "http://127.0.0.1:80", "localhost"),
        ("0.0.0.0", "127.0.0.1", "http://127.0.0.1:80", "localhost"),
        ("::", "::1", "http://[::1]:80", "localhost"),
        ("192.168.1.5", "192.168.1.5", "http://192.168.1.5:80", "192.168.1.5"),
        ("fd00::5", "fd00::5", "http://[fd00::5]:80", "fd00::5"),
        ("box.lan", "box.lan", "http://box.lan:80", "box.lan"),
    ],
)
def test_every_address_is_reached_as_it_can_be(bind: str, host: str, url: str, name: str) -> None:
    assert (near(bind), origin(near(bind), 80), shown(bind)) == (host, url, name)
