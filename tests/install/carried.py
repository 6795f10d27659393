"""A bundle as ``cluster-ai update pack`` makes one, of a small program: carried to a machine that is to be a head."""

import base64
import hashlib
from pathlib import Path

from cluster_ai import __version__
from cluster_ai.nodes.bundle import manifest as words
from cluster_ai.nodes.bundle import offline, program
from cluster_ai.nodes.bundle.identity import architecture, environment_id, python_minor
from cluster_ai.nodes.bundle.manifest import File, Manifest
from tests.install.test_bundle_signature import AUTHORITY, signed

SIGNER = hashlib.sha256(AUTHORITY).hexdigest()
PEM = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(AUTHORITY) + b"-----END CERTIFICATE-----\n"


def carried(path: Path, root: Path, wheels: Path, *, python: str = "", version: str = __version__) -> str:
    """Writes the bundle ``path`` of the program in ``root``, for a machine with that Python; answers its name."""
    python = python or python_minor()
    archive = path.with_name(f"{path.name}.program")
    archive.write_bytes(program.packed(root, for_head=True))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()[:8]
    files = {words.PROGRAM: archive} | {f"{words.WHEELS}{one.name}": one for one in sorted(wheels.glob("*.whl"))}
    environment = environment_id(root, python=python)
    listed = tuple(
        File(name, one.stat().st_size, hashlib.sha256(one.read_bytes()).hexdigest()) for name, one in files.items()
    )
    name = f"{version}+{digest}-{environment}"
    raw = Manifest(name, version, environment, python, architecture(), listed).to_bytes()
    small = {words.MANIFEST: raw, words.SIGNATURE: base64.b64encode(signed(raw)), words.AUTHORITY: PEM}
    offline.pack(path, small, files)
    return name
