"""Where new versions lie: a bundle file, a folder of them, or an https address. What is not signed is refused."""

import os
import shutil
import ssl
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from cluster_ai.nodes.bundle import manifest as words
from cluster_ai.nodes.bundle import offline
from cluster_ai.nodes.bundle.identity import architecture, python_minor
from cluster_ai.nodes.bundle.manifest import BadBundle, Manifest, Target
from cluster_ai.ops.updates.types import NAME, UpdateUnreachable, UpdateUnverified

PATIENCE: Final = 20.0
HTTPS: Final = "https://"
_FRAME: Final = 32 * 1024 * 1024
"""What a bundle is larger than its files, at most."""
_SMALL: Final = (words.MANIFEST, words.SIGNATURE, words.AUTHORITY)


@dataclass(frozen=True, slots=True)
class Source:
    """``place`` is a file, a folder or an https address of a folder; ``signer`` a certificate's SHA-256."""

    place: str
    signer: str

    def look(self) -> Manifest:
        """The newest version there, when the signer has signed it for a machine like this one. Blocks.

        Raises:
            UpdateUnverified: it is not, or is no bundle.
            UpdateUnreachable: it cannot be read.
        """
        with _told(self.place), self._opened() as stream:
            return self._checked(_small_of(stream))

    def fetched(self, folder: Path) -> Path:
        """The bundle as a file; one from an address comes into ``folder``. Blocks.

        Raises:
            UpdateUnverified, UpdateUnreachable: as ``look``.
        """
        if not self.place.startswith(HTTPS):
            return self._file()
        size = self.look().size
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / _name()
        part = path.with_name(f".{path.name}.part")
        try:
            with _told(self.place), self._opened() as stream, part.open("wb") as file:
                _copied(stream, file, most=size + _FRAME)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return path

    def unfolded(self, bundle: Path, folder: Path) -> Manifest:
        """The files of ``bundle`` in ``folder``, with their list, whose signature was checked.

        Raises:
            UpdateUnverified: it is not what the signer signed.
        """
        with _told(str(bundle)):
            manifest, small = offline.read_list(bundle, self.signer)
            offline.unpack(bundle, manifest, folder)
            (folder / words.MANIFEST).write_bytes(small[words.MANIFEST])
        return manifest

    def _checked(self, small: dict[str, bytes]) -> Manifest:
        authority = small[words.AUTHORITY].decode("ascii", "replace")
        if words.sha256_of(authority) != self.signer:
            raise BadBundle("it was signed by somebody else than [update] signer")
        manifest = words.read_manifest(
            small[words.MANIFEST], small[words.SIGNATURE], words.der_of(authority)
        )  # fmt: skip
        made_for = Target(manifest.python, manifest.architecture)
        if made_for != here():
            raise BadBundle(f"it is for {made_for}, this machine has {here()}")
        return manifest

    def _file(self) -> Path:
        path = Path(self.place).expanduser()
        return path / _name() if path.is_dir() else path

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        if not self.place.startswith(HTTPS):
            with self._file().open("rb") as file:
                yield file
            return
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=ssl.create_default_context()), _HttpsOnly()
        )
        with closing(opener.open(f"{self.place.rstrip('/')}/{_name()}", timeout=PATIENCE)) as answer:
            yield answer


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows no redirect that leaves https."""

    def redirect_request(self, *asked: Any) -> Any:
        newurl = asked[-1]
        if not newurl.startswith(HTTPS):
            raise urllib.error.URLError("it leads to an address without https")
        return super().redirect_request(*asked)


def here() -> Target:
    """What a bundle must be made for to run on this machine."""
    return Target(python_minor(), architecture())


def _name() -> str:
    return NAME.format(target=here())


def _small_of(stream: IO[bytes]) -> dict[str, bytes]:
    """The list, its signature and the certificate: they come first, and no more is read."""
    small: dict[str, bytes] = {}
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for name in _SMALL:
            entry = archive.next()
            source = archive.extractfile(entry) if entry is not None and entry.name == name else None
            if entry is None or source is None or entry.size > words.LARGEST_MANIFEST:
                raise BadBundle(f"it does not begin with its {name}")
            small[name] = source.read()
    return small


def _copied(stream: IO[bytes], file: IO[bytes], *, most: int) -> None:
    there = 0
    while piece := stream.read(1024 * 1024):
        there += file.write(piece)
        if there > most:
            raise BadBundle("it is larger than its list says")
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def _told(place: str) -> Iterator[None]:
    """In words of ours."""
    try:
        yield
    except (BadBundle, tarfile.TarError, EOFError) as exc:
        raise UpdateUnverified(f"{place} cannot be used: {exc}", hint="nothing was changed") from exc
    except OSError as exc:
        # Of an address, too: urllib's errors are OSErrors.
        raise UpdateUnreachable(f"{place} cannot be read: {exc.strerror or exc}") from exc


def room_for(manifest: Manifest, prefix: Path, *, times: int) -> int:
    """Bytes that lack to unfold it in ``prefix``; 0 or less: there is room."""
    return manifest.size * times - shutil.disk_usage(prefix).free
