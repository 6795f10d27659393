"""What serves on a machine, and where its models lie."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from cluster_ai.core.errors import NotFound, Unavailable
from cluster_ai.node_agent.models_folder import ModelsUnreadable, Place, asked_of, in_modelfile, models_folder
from cluster_ai.node_agent.services import Workers
from cluster_ai.nodes.sensors.tree import Tree
from cluster_ai.nodes.types import LocalService
from cluster_ai.supervisor.types import PartState, PartView, SupervisorView
from tests.fakes.fleet import Fleet

HEX = "0123456789abcdef" * 4


def seen(*parts: PartView) -> tuple[LocalService, ...]:
    async def status() -> SupervisorView:
        return SupervisorView(pid=1, version="1", home="/", started_at=0.0, ready=True, parts=parts)

    return asyncio.run(Workers(status, version="2026.8.0").look())


def test_workers_are_told_with_their_health() -> None:
    well, ill = seen(
        PartView(name="agent", state=PartState.READY, port=11437),
        PartView(name="worker-0", state=PartState.READY, port=8790),
        PartView(name="worker-1", state=PartState.BACKOFF, port=8792, error="the scheduler went away"),
    )
    assert (well.kind, well.name, well.port, well.healthy, well.why) == ("dask-worker", "worker-0", 8790, True, "")
    assert (ill.healthy, ill.why) == (False, "the scheduler went away")


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (PartView(name="worker-0", state=PartState.WAITING, port=1), "waits for what it needs"),
        (PartView(name="worker-0", state=PartState.FAILED, port=1, last_exit="SIGKILL"), "SIGKILL"),
        (PartView(name="worker-0", state=PartState.UNHEALTHY, port=1), "unhealthy"),
    ],
)
def test_one_that_is_not_well_says_why(part: PartView, why: str) -> None:
    (told,) = seen(part)
    assert (told.healthy, told.why) == (False, why)


def test_without_a_supervisor_there_are_no_workers() -> None:
    async def status() -> SupervisorView:
        raise Unavailable("no supervisor runs")

    assert asyncio.run(Workers(status).look()) == ()


def models(folder: Path) -> Path:
    for name in ("blobs", "manifests"):
        (folder / name).mkdir(parents=True)
    return folder


def place(root: Path, **env: str) -> Place:
    return Place(env, root / "home/me", Tree(root))


def test_the_users_own_folder_is_found(tmp_path: Path) -> None:
    own = models(tmp_path / "home/me/.ollama/models")
    models(tmp_path / "usr/share/ollama/.ollama/models")
    assert models_folder(None, place(tmp_path)) == own


def test_that_of_the_service_is_found(tmp_path: Path) -> None:
    service = models(tmp_path / "usr/share/ollama/.ollama/models")
    assert models_folder(None, place(tmp_path)) == service


def test_what_the_environment_or_the_unit_names_comes_first(tmp_path: Path) -> None:
    models(tmp_path / "home/me/.ollama/models")
    large = models(tmp_path / "data/large disk")
    units = tmp_path / "etc/systemd/system/ollama.service.d"
    units.mkdir(parents=True)
    (units / "override.conf").write_text('[Service]\nEnvironment="OLLAMA_MODELS=/data/large disk"\n')
    assert models_folder(None, place(tmp_path)) == large
    named = models(tmp_path / "named")
    assert models_folder(None, place(tmp_path, OLLAMA_MODELS=str(named))) == named


def test_ollama_itself_knows_best(tmp_path: Path) -> None:
    models(tmp_path / "home/me/.ollama/models")
    told = models(tmp_path / "elsewhere")
    assert models_folder(told, place(tmp_path)) == told


def test_no_folder_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as refused:
        models_folder(None, place(tmp_path))
    assert "OLLAMA_MODELS" in refused.value.hint


@contextmanager
def as_nobody() -> Iterator[None]:
    """Somebody who may not read everything, as root may."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_another_users_folder_is_refused_with_what_to_grant() -> None:
    with tempfile.TemporaryDirectory() as text:
        root = Path(text)
        root.chmod(0o755)
        service = models(root / "usr/share/ollama/.ollama/models")
        (service / "blobs").chmod(0)
        with as_nobody(), pytest.raises(ModelsUnreadable) as refused:
            models_folder(None, place(root))
    assert f"chmod -R g+rX {service}" in refused.value.hint


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        (
            f"# Modelfile\nFROM /usr/share/ollama/.ollama/models/blobs/sha256-{HEX}\nTEMPLATE x",
            "/usr/share/ollama/.ollama/models",
        ),
        (f"FROM /data/large disk/blobs/sha256-{HEX}", "/data/large disk"),
        ("FROM smollm2:135m", None),
        (f"FROM ../blobs/sha256-{HEX}", None),
        ("", None),
    ],
)
def test_a_modelfile_names_the_folder(text: str, folder: str | None) -> None:
    assert in_modelfile(text) == (None if folder is None else Path(folder))


def test_an_ollama_that_does_not_say_is_no_error() -> None:
    async def ask() -> list[Path | None]:
        async with Fleet(1) as fleet, aiohttp.ClientSession() as session:
            url = fleet.nodes[0].url
            return [await asked_of(session, url, "smollm2:135m"), await asked_of(session, "http://127.0.0.1:9", "x")]

    assert asyncio.run(ask()) == [None, None]
