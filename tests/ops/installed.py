"""A head as it is installed: versions side by side, copies of this program with something changed, and signed bundles.

Only one part is started, the API, which has the database: the same program, with fewer processes.
"""

import base64
import hashlib
import json
import os
import shutil
import sys
import sysconfig
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster_ai.core.paths import Home
from cluster_ai.nodes.bundle import manifest as words
from cluster_ai.nodes.bundle import offline
from cluster_ai.nodes.bundle.manifest import File, Manifest
from cluster_ai.ops.updates.packing import put_command
from cluster_ai.ops.updates.source import here
from cluster_ai.pki.authority import Authority, open_authority

ROOT = Path(__file__).parents[2]
OLD, NEW = "0.1.0+old", "0.2.0+new"
FEWER = ("    dask = Probe(at.scheduler)", "    return (_backend(settings),)\n    dask = Probe(at.scheduler)")
Changes = Mapping[str, tuple[str, str]]


def authority_of(home: Home) -> Authority:
    return open_authority(home.authority, now=time.time(), cluster_id="c" * 32, name="test")


def described(name: str, version: str) -> Manifest:
    file = File(words.PROGRAM, 1, hashlib.sha256(b"x").hexdigest())
    return Manifest(name, version, "e", here().python, here().architecture, (file,))


def bundle(home: Home, path: Path, *, name: str = NEW, version: str = "0.2.0") -> Path:
    """Signed by the cluster's authority; the version it names lies unfolded already, or is never unfolded."""
    raw, authority = described(name, version).to_bytes(), authority_of(home)
    small = {
        words.MANIFEST: raw,
        words.SIGNATURE: base64.b64encode(authority.sign_bytes(raw)),
        words.AUTHORITY: authority.pem.encode(),
    }
    program = path.with_name("program")
    program.write_bytes(b"x")
    offline.pack(path, small, {words.PROGRAM: program})
    return path


def mark(folder: Path, name: str, version: str) -> Path:
    """The version ``name``, whole, without a program."""
    place = folder / "versions" / name
    (place / "program").mkdir(parents=True, exist_ok=True)
    (place / "version.json").write_bytes(described(name, version).to_bytes())
    return place


def copied(prefix: Path, name: str, changes: Changes, more: Mapping[str, str]) -> Path:
    """This program as the version ``name``: in each file of ``changes`` one text for another; ``more`` are new files."""
    place = mark(prefix, name, name.partition("+")[0])
    program = place / "program"
    for folder in ("cluster_ai", "backend", "scripts/install"):
        shutil.copytree(ROOT / folder, program / folder, ignore=shutil.ignore_patterns("ui"), copy_function=_linked)
    for file, (old, new) in changes.items():
        text = (program / file).read_text()
        assert old in text, file
        put(program / file, text.replace(old, new, 1))
    for file, text in more.items():
        put(program / file, text)
    _environment(place)
    return place


def put(path: Path, text: str) -> None:
    # The file may be the same as the checkout's.
    path.unlink(missing_ok=True)
    path.write_text(text)


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _environment(place: Path) -> None:
    """With the packages of the interpreter that runs the tests, and the program of that version."""
    packages = place / f"venv/lib/python{here().python}/site-packages"
    packages.mkdir(parents=True)
    (place / "venv/bin").mkdir()
    base = Path(getattr(sys, "_base_executable", sys.executable))
    (place / "venv/pyvenv.cfg").write_text(f"home = {base.parent}\n")
    (place / "venv/bin/python").symlink_to(base)
    (packages / "cluster-ai.pth").write_text(f"{place / 'program'}\n{sysconfig.get_path('purelib')}\n")


@dataclass(frozen=True)
class Head:
    prefix: Path
    home: Home

    @property
    def command(self) -> Path:
        return self.prefix / "bin/cluster-ai"

    def outcome(self) -> dict[str, object]:
        told: dict[str, object] = json.loads(self.home.updated.read_text())
        return told

    def current(self) -> str:
        return (self.prefix / "current").readlink().name


def installed(folder: Path, *, port_base: int) -> Head:
    """The old version, with its command; nothing runs."""
    head = Head(folder / "prefix", Home(folder / "home"))
    head.home.make()
    copied(head.prefix, OLD, {"cluster_ai/parts.py": FEWER}, {})
    (head.prefix / "current").symlink_to(f"versions/{OLD}")
    put_command(head.prefix, head.home, port_base=port_base)
    return head
