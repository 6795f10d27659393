"""The settings tree: file, environment, refusals."""

import os
from pathlib import Path

import pytest

from cluster_ai.core.errors import Misconfigured
from cluster_ai.settings import Ports, load


def home_with(tmp_path: Path, toml: str) -> dict[str, str]:
    (tmp_path / "config.toml").write_text(toml, encoding="utf-8")
    return {"CLUSTER_AI_HOME": str(tmp_path)}


def test_defaults_need_no_file(tmp_path: Path) -> None:
    settings = load({"CLUSTER_AI_HOME": str(tmp_path / "absent")})
    assert settings.effective_ports == Ports()
    assert settings.bind == "127.0.0.1"
    assert not (tmp_path / "absent").exists(), "reading settings creates nothing"


def test_file_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = home_with(tmp_path, "[gateway]\nprobe_seconds = 3.0\nidle_seconds = 9.0\n")
    monkeypatch.setenv("CLUSTER_AI_GATEWAY__PROBE_SECONDS", "2")
    settings = load(env)
    assert settings.gateway.probe_seconds == 2
    assert settings.gateway.idle_seconds == 9


def test_port_base_moves_every_port(tmp_path: Path) -> None:
    ports = load(home_with(tmp_path, "port_base = 21000\n")).effective_ports
    named = [ports.backend, ports.gateway, ports.node, ports.scheduler, ports.dask_dashboard]
    assert [*named, ports.machines, ports.grpc, ports.agent] == list(range(21_000, 21_008))
    assert (ports.worker(0), ports.nanny(0), ports.worker(1)) == (21_008, 21_009, 21_010)


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("gatway = 1", "gatway"),
        ("[gateway]\nprobe = 1", "gateway.probe"),
        ("[node]\nslots = 0", "node.slots"),
        ("[gateway]\nprobe_seconds = nan", "gateway.probe_seconds"),
        ("[compute]\nmemory_limit = 'lots'", "compute.memory_limit"),
        ("[compute]\nmemory_limit = '256MiB'", "compute.memory_limit: a worker needs at least 512MiB"),
        ("[compute]\nmodels_memory = 8", "compute.models_memory"),
        ("[compute]\nworkers = -1", "compute.workers"),
        ("port_base = 80", "port_base"),
        ("not toml", "config.toml"),
    ],
)
def test_wrong_setting_is_named(tmp_path: Path, toml: str, named: str) -> None:
    with pytest.raises(Misconfigured, match=named.replace(".", r"\.")):
        load(home_with(tmp_path, toml))


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[gateway]\nresum = true", "gateway.resum: unknown setting; did you mean resume?"),
        ('[gateway.aliases]\nfast = "tiny:1b"', 'gateway.aliases.fast: must be a list of model names: ["tiny:1b"]'),
        ('[gateway.aliases]\nfast = ["fast"]', "fast leads to itself alone"),
        (
            '[[gateway.upstreams]]\nname = "gpu"\nurl = "10.0.0.5:11434"',
            "gateway.upstreams gpu.url: must begin with http:// or https://, for example http://10.0.0.5:11434",
        ),
        (
            '[[gateway.upstreams]]\nname = "gpu"\nurl = "gpu:11434"\ndrian = true',
            "gateway.upstreams gpu.drian: unknown setting; did you mean drain?",
        ),
        ('[[gateway.upstreams]]\nname = "gpu"', "gateway.upstreams gpu.url: is missing"),
        ('[gateway]\nprobe_seconds = "soon"', "gateway.probe_seconds: must be a valid number"),
        ("[gateway]\nresume = perhaps", "config.toml, line 2, column 10: Invalid value"),
        ("[node]\n[node]\n", "config.toml, line 2, column 6: Cannot declare"),
    ],
)
def test_what_is_wrong_is_said_in_words_that_help(tmp_path: Path, toml: str, said: str) -> None:
    with pytest.raises(Misconfigured) as wrong:
        load(home_with(tmp_path, toml))
    assert said in wrong.value.message
    assert wrong.value.hint
    assert "nputs" not in wrong.value.message


def test_a_password_in_an_address_is_not_told_again(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as wrong:
        load(home_with(tmp_path, '[[gateway.upstreams]]\nname = "gpu"\nurl = "me:hidden@gpu:11434"'))
    assert "hidden" not in wrong.value.message


def test_settings_cannot_be_changed_later(tmp_path: Path) -> None:
    settings = load({"CLUSTER_AI_HOME": str(tmp_path)})
    with pytest.raises(ValueError, match="frozen"):
        settings.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = " + b"[" * 3000 + b"]" * 3000], ids=["no text", "too deep"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.toml").write_bytes(content)
    with pytest.raises(Misconfigured, match=r"config\.toml"):
        load({"CLUSTER_AI_HOME": str(tmp_path)})


def test_a_pipe_in_place_of_the_file_hangs_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.toml")
    with pytest.raises(Misconfigured, match="is not a file"):
        load({"CLUSTER_AI_HOME": str(tmp_path)})


def test_a_variable_that_cannot_be_read_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER_AI_ALLOWED_HOSTS", "foo")
    with pytest.raises(Misconfigured, match="CLUSTER_AI_"):
        load({"CLUSTER_AI_HOME": str(tmp_path)})


@pytest.mark.parametrize(
    "toml",
    [
        'bind = "nonsense host\\n"\n',
        'database_url = "mysql://somewhere/x"\n',
        "[ports]\nbackend = 8000\ngateway = 8000\n",
        "[ports]\nbackend = 8791\n",
    ],
    ids=["no host", "no such database", "one port twice", "a worker's port"],
)
def test_what_cannot_work_is_refused_before_anything_starts(tmp_path: Path, toml: str) -> None:
    with pytest.raises(Misconfigured):
        load(home_with(tmp_path, toml))
