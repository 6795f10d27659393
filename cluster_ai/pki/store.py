"""A member's own certificate on its disk. Key and certificate change together: a link turns from one pair to the next.

``<folder>/current/{cert,key}.pem``, ``<folder>/ca.crt``, ``<folder>/revoked.crl``
"""

import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from cluster_ai.core import files
from cluster_ai.core.paths import PRIVATE_DIR
from cluster_ai.pki.authority import BACKDATED, read_certificate
from cluster_ai.pki.types import NoCertificate

RENEW_AT: Final = 2 / 3
"""Share of its life after which a certificate is renewed."""
_CURRENT: Final = "current"


@dataclass(frozen=True, slots=True)
class Life:
    """Of a certificate, in Unix seconds. ``made_at``: when it was signed; it is good from before that on."""

    made_at: float
    not_after: float

    def wants_renewal(self, now: float) -> bool:
        return now >= self.made_at + RENEW_AT * (self.not_after - self.made_at)


@dataclass(frozen=True, slots=True)
class Store:
    """The files of one member. All methods block."""

    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def revoked(self) -> Path:
        return self.folder / "revoked.crl"

    @property
    def certificate(self) -> Path:
        return self.folder / _CURRENT / "cert.pem"

    @property
    def key(self) -> Path:
        return self.folder / _CURRENT / "key.pem"

    @property
    def is_there(self) -> bool:
        return all(path.is_file() for path in (self.authority, self.revoked, self.certificate, self.key))

    def found(self) -> x509.Certificate:
        """The certificate now.

        Raises:
            NoCertificate: there is none.
        """
        try:
            return read_certificate(self.certificate.read_text(encoding="ascii"), self.certificate)
        except (OSError, UnicodeDecodeError) as exc:
            raise NoCertificate(
                f"{self.certificate} cannot be read: {exc}", hint="let this machine join the cluster again"
            ) from exc

    def life(self) -> Life:
        """How long the certificate is good. Raises as ``found``."""
        found = self.found()
        return Life((found.not_valid_before_utc + BACKDATED).timestamp(), found.not_valid_after_utc.timestamp())

    def put_authority(self, pem: str) -> None:
        self._write(self.authority, pem)

    def put_revoked(self, pem: str) -> None:
        """A list of revoked certificates; an older one than what stands there changes nothing.

        Nothing is written for a member whose files were removed: a list that comes while it leaves is no new beginning.

        Raises:
            NoCertificate: it is no such list.
        """
        if number_of(pem) <= self.revoked_number():
            return
        try:
            files.replace(self.revoked, _ended(pem))
        except FileNotFoundError:
            if self.folder.exists():
                raise

    def revoked_number(self) -> int:
        """Of the list that stands there; -1 when it is none, so that any other takes its place."""
        try:
            return number_of(self.revoked.read_text(encoding="ascii"))
        except (OSError, UnicodeDecodeError, NoCertificate):
            return -1

    def put(self, *, key: str, certificate: str) -> None:
        """A new pair, in force at once for whoever opens the files; the one before is removed."""
        self.folder.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
        fresh = self.folder / f"pair-{secrets.token_hex(6)}"
        fresh.mkdir(mode=PRIVATE_DIR)
        self._write(fresh / "key.pem", key)
        self._write(fresh / "cert.pem", certificate)
        link = self.folder / f".{fresh.name}"
        link.symlink_to(fresh.name)
        link.replace(self.folder / _CURRENT)
        files.sync(self.folder)
        for old in self.folder.glob("pair-*"):
            if old.name != fresh.name:
                shutil.rmtree(old, ignore_errors=True)

    def remove(self) -> None:
        """All of it, and what a removal that was killed had left.

        The folder goes out of everybody's sight first: somebody else of this program may just be writing into it.
        """
        with suppress(FileNotFoundError):
            self.folder.rename(self.folder.with_name(f".{self.folder.name}.{secrets.token_hex(6)}"))
        for gone in self.folder.parent.glob(f".{self.folder.name}.*"):
            shutil.rmtree(gone)

    def signature(self) -> tuple[object, ...]:
        """Changes when any of the files does."""
        return tuple(_signature(path) for path in (self.authority, self.revoked, self.certificate, self.key))

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
        files.replace(path, _ended(text))


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"


def number_of(revocation_list: str) -> int:
    """The number in a list of revoked certificates; later ones have larger ones.

    Raises:
        NoCertificate: it is no such list.
    """
    try:
        found = x509.load_pem_x509_crl(revocation_list.encode())
        extension = found.extensions.get_extension_for_oid(ExtensionOID.CRL_NUMBER).value
    except (ValueError, x509.ExtensionNotFound) as exc:
        raise NoCertificate("that is no list of revoked certificates") from exc
    assert isinstance(extension, x509.CRLNumber), "the identifier is of this class"
    return extension.crl_number


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
