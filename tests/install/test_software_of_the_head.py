"""What the head hands to machines: the same bytes for the same files, signed, ranged, for each target its own."""

import asyncio
import base64
import gzip
import hashlib
import io
import shutil
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from packaging.requirements import InvalidRequirement

from cluster_ai.nodes.bundle import manifest as words
from cluster_ai.nodes.bundle import offline, program, wheels
from cluster_ai.nodes.bundle.identity import environment_id
from cluster_ai.nodes.bundle.look import OFFSETS, PORTS, ports
from cluster_ai.nodes.bundle.manifest import BadBundle, Target, read_manifest
from cluster_ai.nodes.bundle.pins import lines_for
from cluster_ai.nodes.bundle.shelf import Shelf
from cluster_ai.nodes.bundle.unfold import extract
from cluster_ai.nodes.bundle.wheels import NoWheels
from cluster_ai.settings import Ports
from tests.install.conftest import ROOT
from tests.install.test_bundle_signature import AUTHORITY, signed

X86 = Target("3.11", "x86_64")
HASH = "--hash=sha256:" + "0" * 64


def names_in(raw: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        return set(archive.getnames())


def test_the_program_is_the_same_bytes_wherever_it_lies(tmp_path: Path, small_program: Path) -> None:
    shutil.copytree(small_program, tmp_path / "copy")
    (tmp_path / "copy/LICENSE").write_text("x")
    (tmp_path / "copy/cluster_ai/__pycache__").mkdir(exist_ok=True)
    (tmp_path / "copy/cluster_ai/__pycache__/x.pyc").write_text("x")
    assert program.packed(small_program) != program.packed(tmp_path / "copy")
    (tmp_path / "copy/LICENSE").unlink()
    assert program.packed(small_program) == program.packed(tmp_path / "copy")


def test_this_program_is_whole_and_without_what_a_machine_does_not_show() -> None:
    names = names_in(program.packed(ROOT))
    for name in ("install_unified.sh", "requirements/models.lock", "scripts/install/runner.sh"):
        assert name in names
    assert {"cluster_ai/cli/main.py", "backend/app.py", "cluster_ai/locales/en/cli.toml"} <= names
    assert "config/systemd/cluster-ai.service" in names
    assert not [name for name in names if "__pycache__" in name or name.startswith(("backend/ui/", "tests", "."))]


def test_an_archive_with_anything_but_plain_files_is_refused(tmp_path: Path) -> None:
    link, outside, above = tarfile.TarInfo("link"), tarfile.TarInfo("/etc/evil"), tarfile.TarInfo("a/../../evil")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    for entry in (link, outside, above):
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as archive:
            archive.addfile(entry)
        (tmp_path / "x.tar.gz").write_bytes(gzip.compress(raw.getvalue()))
        with pytest.raises(BadBundle):
            extract(tmp_path / "x.tar.gz", tmp_path / "out")
    assert not (tmp_path / "evil").exists()


LOCK = f"""# made by a tool
always==1 \\
    {HASH} \\
    {HASH}
    # via x
early==1 ; python_full_version < '3.11.3' {HASH}
new==2 ; python_full_version >= '3.12' {HASH}
old==1 ; python_full_version < '3.12' {HASH}
windows==1 ; sys_platform == 'win32' {HASH}
extra[all]==3 ; sys_platform != 'win32' {HASH}
"""


def pinned(target: Target) -> set[str]:
    return {line.split("==")[0] for line in lines_for(LOCK, target)}


def test_markers_are_judged_for_the_machine_and_for_every_release_of_its_python() -> None:
    assert pinned(X86) == {"always", "early", "old", "extra"}
    assert pinned(Target("3.13", "aarch64")) == {"always", "new", "extra"}
    first = next(iter(lines_for(LOCK, X86)))
    assert first == f"always==1 {HASH} {HASH}"


def test_a_pin_with_an_address_of_its_own_is_refused() -> None:
    with pytest.raises(InvalidRequirement):
        list(lines_for(f"x @ https://x.example/x.whl {HASH}", X86))


def test_pip_is_asked_for_that_python_and_nothing_that_must_be_built(tmp_path: Path) -> None:
    argv = wheels.arguments(tmp_path, tmp_path / "pins", Target("3.12", "aarch64"))
    assert "--require-hashes" in argv
    assert argv[argv.index("--only-binary") + 1] == ":all:"
    assert argv[argv.index("--python-version") + 1] == "3.12"
    assert "manylinux2014_aarch64" in argv


@pytest.mark.anyio
async def test_wheels_that_cannot_be_had_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    root = tmp_path / "root"
    (root / "requirements").mkdir(parents=True)
    for name in wheels.LOCKS:
        (root / "requirements" / name).write_text(f"nowhere-to-be-found==1 {HASH}\n")
    with pytest.raises(NoWheels, match="nowhere-to-be-found"):
        await wheels.fill(tmp_path / "wheels", root, X86, lambda _done, _total: None)
    assert [path.name for path in tmp_path.iterdir()] == ["root"]


@pytest.mark.anyio
async def test_an_index_that_is_not_reached_is_not_told_as_a_package_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"INDEX_URL": "http://127.0.0.1:9/simple", "RETRIES": "1", "CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    (tmp_path / "requirements").mkdir()
    for name in wheels.LOCKS:
        (tmp_path / "requirements" / name).write_text(f"nowhere-to-be-found==1 {HASH}\n")
    with pytest.raises(NoWheels, match="no package index is reached from here"):
        await wheels.fill(tmp_path / "wheels", tmp_path, X86, lambda _done, _total: None)


@asynccontextmanager
async def shelf(folder: Path, root: Path, house: Path) -> AsyncIterator[Shelf]:
    name = await asyncio.to_thread(environment_id, root, python="3.11", machine="x86_64")
    there = folder / "wheels" / name
    await asyncio.to_thread(shutil.copytree, house, there)
    made = Shelf(folder, root, version="0.1.0", sign=signed)
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def ready(made: Shelf) -> None:
    async with asyncio.timeout(20):
        while made.answer("/software/py3.11-x86_64/manifest.json").status != 200:
            await asyncio.sleep(0.02)


@pytest.mark.anyio
async def test_what_is_asked_for_is_made_once_and_handed_out(tmp_path: Path, small_program: Path, wheels: Path) -> None:
    async with shelf(tmp_path, small_program, wheels) as made:
        first = made.answer("/software/py3.11-x86_64/manifest.json")
        assert (first.status, first.headers["Retry-After"]) == (503, "2")
        await ready(made)
        raw = made.answer("/software/py3.11-x86_64/manifest.json").body
        signature = made.answer("/software/py3.11-x86_64/manifest.sig").body
        manifest = read_manifest(raw, signature, AUTHORITY)
        assert {file.name for file in manifest.files} == {
            "program.tar.gz",
            "wheels/small-1-py3-none-any.whl",
            "wheels/uv-1-py3-none-any.whl",
        }
        for file in manifest.files:
            answer = made.answer(f"/software/py3.11-x86_64/{file.name}")
            assert answer.file is not None
            contents = await asyncio.to_thread(answer.file.read_bytes)
            assert (len(contents), hashlib.sha256(contents).hexdigest()) == (file.size, file.sha256)
            assert answer.headers["Content-Length"] == str(file.size)


@pytest.mark.anyio
async def test_a_part_is_handed_out_from_where_it_was_cut(tmp_path: Path, small_program: Path, wheels: Path) -> None:
    path = "/software/py3.11-x86_64/wheels/small-1-py3-none-any.whl"
    async with shelf(tmp_path, small_program, wheels) as made:
        await ready(made)
        size = made.answer(path).size
        part = made.answer(path, 100)
        assert (part.status, part.begin) == (206, 100)
        assert part.headers["Content-Range"] == f"bytes 100-{size - 1}/{size}"
        assert part.headers["Content-Length"] == str(size - 100)
        assert made.answer(path, size).status == 416


@pytest.mark.anyio
@pytest.mark.parametrize(
    "path",
    [
        "/software/py2.7-x86_64/manifest.json",
        "/software/py3.11-x86_64",
        "/software/py3.11-x86_64/../../etc/passwd",
        "/software/py3.11-x86_64/wheels/../program.tar.gz",
        "/software/py3.11-x86_64/wheels/none.whl",
        "/software/..",
    ],
)
async def test_nothing_else_is_handed_out(path: str, tmp_path: Path, small_program: Path, wheels: Path) -> None:
    async with shelf(tmp_path, small_program, wheels) as made:
        await ready(made)
        assert made.answer(path).status == 404


@pytest.mark.anyio
async def test_a_failure_is_told_and_tried_again_later_not_at_once(tmp_path: Path, small_program: Path) -> None:
    broken = tmp_path / "root"
    await asyncio.to_thread(shutil.copytree, small_program, broken)
    await asyncio.to_thread((broken / "requirements/bootstrap.lock").unlink)
    made = Shelf(tmp_path / "bundles", broken, version="0.1.0", sign=signed)
    running = asyncio.create_task(made.run())
    path = "/software/py3.11-x86_64/manifest.json"
    async with asyncio.timeout(20):
        while made.answer(path).status == 503:
            await asyncio.sleep(0.02)
    assert made.answer(path).status == 502
    assert b"bootstrap.lock" in made.answer(path).body
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_a_bundle_carried_by_hand_is_checked_like_one_that_was_fetched(tmp_path: Path, wheels: Path) -> None:
    wheel = wheels / "small-1-py3-none-any.whl"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    files = (words.File("program.tar.gz", wheel.stat().st_size, digest),)
    raw = words.Manifest("n", "0.1.0", "e", "3.11", "x86_64", files).to_bytes()
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(AUTHORITY) + b"-----END CERTIFICATE-----\n"
    small = {words.MANIFEST: raw, words.SIGNATURE: base64.b64encode(signed(raw)), words.AUTHORITY: pem}
    path = tmp_path / "bundle.tar"
    offline.pack(path, small, {"program.tar.gz": wheel})
    fingerprint = hashlib.sha256(AUTHORITY).hexdigest()
    manifest, _ = offline.read_list(path, fingerprint)
    offline.unpack(path, manifest, tmp_path / "out")
    assert (tmp_path / "out/program.tar.gz").read_bytes() == wheel.read_bytes()
    with pytest.raises(BadBundle, match="another cluster"):
        offline.read_list(path, "0" * 64)
    offline.pack(path, {**small, words.SIGNATURE: base64.b64encode(signed(b"other"))}, {"program.tar.gz": wheel})
    with pytest.raises(BadBundle, match="not signed"):
        offline.read_list(path, fingerprint)
    path.write_bytes(b"nothing")
    with pytest.raises(BadBundle, match="no bundle"):
        offline.read_list(path, fingerprint)


def test_the_installer_knows_the_ports_of_the_settings() -> None:
    usual, moved = Ports(), Ports.at(20_000)
    for name in ("agent", "node", "backend", "gateway", "scheduler", "dask_dashboard"):
        assert PORTS[name] == getattr(usual, name)
        assert ports("20000")[name] == getattr(moved, name)
    assert (PORTS["worker"], PORTS["nanny"]) == (usual.worker(0), usual.nanny(0))
    assert (20_000 + OFFSETS["worker"], 20_000 + OFFSETS["nanny"]) == (moved.worker(0), moved.nanny(0))
