"""The real software of this checkout, carried as a file to a machine without any network."""

import asyncio
import base64
import hashlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cluster_ai import __version__
from cluster_ai.nodes.bundle import manifest as words
from cluster_ai.nodes.bundle import offline, program, switch, wheels
from cluster_ai.nodes.bundle.identity import architecture, environment_id, python_minor
from cluster_ai.nodes.bundle.manifest import File, Manifest, Target
from tests.install.conftest import ROOT
from tests.install.test_bundle_signature import AUTHORITY, signed

LINE = f"https://127.0.0.1:1/join?ca={hashlib.sha256(AUTHORITY).hexdigest()}#{'a' * 16}.{'b' * 48}"
PEM = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(AUTHORITY) + b"-----END CERTIFICATE-----\n"
# A network of its own, without even a loopback that is up.
NO_NETWORK = ("unshare", "--user", "--map-root-user", "--net")


def bundle(folder: Path) -> Path:
    """As the head makes it, in one file."""
    house, target = folder / "house", Target(python_minor(), architecture())
    asyncio.run(wheels.fill(house, ROOT, target, lambda _done, _total: None))
    archive = folder / words.PROGRAM
    archive.write_bytes(program.packed(ROOT))
    paths = {words.PROGRAM: archive} | {f"{words.WHEELS}{path.name}": path for path in sorted(house.iterdir())}
    files = tuple(
        File(name, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()) for name, path in paths.items()
    )
    environment = environment_id(ROOT)
    listed = Manifest(
        f"{__version__}-{environment}", __version__, environment, target.python, target.architecture, files
    )
    raw = listed.to_bytes()
    signature = base64.b64encode(signed(raw))
    path = folder / "bundle.tar"
    offline.pack(path, {words.MANIFEST: raw, words.SIGNATURE: signature, words.AUTHORITY: PEM}, paths)
    return path


def step(*arguments: str) -> float:
    """Seconds that one of the installer's steps took, where there is no network."""
    began = time.monotonic()
    argv = [*NO_NETWORK, sys.executable, "-P", "-m", "cluster_ai.nodes.bundle.steps", *arguments]
    done = subprocess.run(
        argv, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_unfolded_without_a_network_it_starts(tmp_path: Path) -> None:
    carried = bundle(tmp_path)
    prefix, fetched, line = tmp_path / "a prefix", tmp_path / "fetched", tmp_path / "line"
    line.write_text(LINE)
    seconds = step("get", "--line-file", str(line), "--offline", str(carried), "--folder", str(fetched))
    seconds += step("build", "--folder", str(fetched), "--prefix", str(prefix))
    name = switch.versions(prefix)[0]
    switch.flip(prefix, name)
    argv = [str(prefix / "current/venv/bin/python"), "-P", "-m", "cluster_ai.cli.main", "--version"]
    told = subprocess.run([*NO_NETWORK, *argv], cwd="/", capture_output=True, text=True, check=True)
    assert __version__ in told.stdout
    mib = sum(path.stat().st_size for path in prefix.rglob("*") if path.is_file()) / 2**20
    print(f"{seconds:.1f} s from {carried.stat().st_size / 2**20:.0f} MiB carried to {mib:.0f} MiB that can be started")
    # Both fit what the installer asks for before it begins: four times the download.
    assert mib + carried.stat().st_size / 2**20 < 4 * carried.stat().st_size / 2**20
