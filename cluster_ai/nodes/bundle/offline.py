"""A bundle as one file, carried by hand to a machine that fetches nothing. Python's own library alone."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from cluster_ai.nodes.bundle import manifest as words
from cluster_ai.nodes.bundle.manifest import BadBundle, Manifest

_SMALL = (words.MANIFEST, words.SIGNATURE, words.AUTHORITY)


def pack(target: Path, small: Mapping[str, bytes], files: Mapping[str, Path]) -> None:
    """Writes the file; it has its name only when it is whole.

    Args:
        target: of the ``.tar``.
        small: the list, its signature and the authority's certificate (PEM), by their names.
        files: all that the list names.
    """
    draft = target.with_name(f".{target.name}.part")
    with tarfile.open(draft, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in _SMALL:
            entry = tarfile.TarInfo(name)
            entry.size = len(small[name])
            archive.addfile(entry, io.BytesIO(small[name]))
        for name, path in files.items():
            archive.add(path, name, recursive=False)
    draft.replace(target)


def read_list(bundle: Path, fingerprint: str) -> tuple[Manifest, Mapping[str, bytes]]:
    """What ``bundle`` has, when the authority with that fingerprint has signed it; and the small files.

    Raises:
        BadBundle: it is another cluster's, or no bundle.
    """
    try:
        with tarfile.open(bundle, "r:") as archive:
            small = {name: _read(archive, name) for name in _SMALL}
    except (tarfile.TarError, KeyError) as exc:
        raise BadBundle(f"{bundle.name} is no bundle: {exc}") from exc
    authority = small[words.AUTHORITY].decode("ascii", "replace")
    if words.sha256_of(authority) != fingerprint:
        raise BadBundle(f"{bundle.name} was signed by another cluster than the one that was named")
    return words.read_manifest(small[words.MANIFEST], small[words.SIGNATURE], words.der_of(authority)), small


def unpack(bundle: Path, manifest: Manifest, folder: Path) -> None:
    """Puts the files that the list names into ``folder``; they are checked when they are unfolded.

    Raises:
        BadBundle: one is not there, or is larger than the list says.
    """
    try:
        with tarfile.open(bundle, "r:") as archive:
            for file in manifest.files:
                target = folder / file.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(_read(archive, file.name, file.size))
    except (tarfile.TarError, KeyError) as exc:
        raise BadBundle(f"{bundle.name} is damaged: {exc}") from exc


def _read(archive: tarfile.TarFile, name: str, most: int = words.LARGEST_MANIFEST) -> bytes:
    source = archive.extractfile(archive.getmember(name))
    raw = source.read(most + 1) if source else b""
    if source is None or len(raw) > most:
        raise BadBundle(f"{name} in the bundle is not what it should be")
    return raw
