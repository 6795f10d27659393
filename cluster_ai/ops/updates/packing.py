"""This program, signed, as a bundle for heads; and such a bundle installed for the first time."""

import asyncio
import base64
import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from cluster_ai import __version__
from cluster_ai.core import files
from cluster_ai.core.paths import Home
from cluster_ai.nodes.bundle import identity, offline, program, switch, unfold, wheels
from cluster_ai.nodes.bundle import manifest as words
from cluster_ai.nodes.bundle.manifest import File, Manifest
from cluster_ai.ops.updates.source import Source, here
from cluster_ai.ops.updates.types import UpdateUnusable
from cluster_ai.pki.authority import Authority

Told = Callable[[int, int], None]


def pack(home: Home, authority: Authority, target: Path, told: Told) -> str:
    """Writes the bundle ``target``, with the dashboard, for machines like this one; answers the version's name. Blocks.

    Raises:
        NoWheels: the package index does not answer.
        OSError: the disk is full or cannot be written.
    """
    root = identity.program_root()
    environment = identity.environment_id(root)
    folder = home.root / "bundles/wheels" / environment
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    asyncio.run(wheels.fill(folder, root, here(), told))
    archive = program.packed(root, for_head=True)
    with TemporaryDirectory(dir=home.scratch) as scratch:
        path = Path(scratch, words.PROGRAM)
        path.write_bytes(archive)
        paths = {words.PROGRAM: path} | {f"{words.WHEELS}{one.name}": one for one in sorted(folder.glob("*.whl"))}
        manifest = Manifest(
            name=program.version_name(root, archive),
            version=__version__,
            environment=environment,
            python=here().python,
            architecture=here().architecture,
            files=tuple(_described(name, one) for name, one in paths.items()),
        )
        raw = manifest.to_bytes()
        small = {
            words.MANIFEST: raw,
            words.SIGNATURE: base64.b64encode(authority.sign_bytes(raw)),
            words.AUTHORITY: authority.pem.encode(),
        }
        offline.pack(target, small, paths)
    return manifest.name


def install(bundle: Path, signer: str, prefix: Path, home: Home, *, port_base: int | None) -> str:
    """Unfolds the bundle in ``prefix`` and puts the command ``bin/cluster-ai`` there; answers the version's name.

    Nothing is started. The data directory stays where it is.

    Raises:
        UpdateUnusable: it does not fit this machine.
        UpdateUnverified: the signer did not sign it.
    """
    folder = prefix / "fetched"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        manifest = Source(str(bundle), signer).unfolded(bundle, folder)
        name = unfold.unfold(folder, manifest, prefix, sys.executable)
    except unfold.CannotUnfold as exc:
        raise UpdateUnusable(str(exc), hint="nothing was changed") from exc
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    switch.flip(prefix, name)
    put_command(prefix, home, port_base=port_base)
    return name


def put_command(prefix: Path, home: Home, *, port_base: int | None) -> None:
    """``bin/cluster-ai``, and what it must know."""
    files.replace(prefix / "home", f"{home.root}\n", mode=0o644)
    if port_base is not None:
        files.replace(prefix / "port-base", f"{port_base}\n", mode=0o644)
    launcher = prefix / switch.CURRENT / "program/scripts/install/launcher.sh"
    (prefix / "bin").mkdir(exist_ok=True)
    files.replace(prefix / "bin/cluster-ai", launcher.read_bytes(), mode=0o755)


def _described(name: str, path: Path) -> File:
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return File(name=name, size=path.stat().st_size, sha256=digest)
