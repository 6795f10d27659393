"""A file as a stream of sealed chunks: AES-256-GCM (NIST SP 800-38D) in the STREAM construction.

STREAM is from Hoang, Reyhanitabar, Rogaway and Vizar, "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance" (CRYPTO 2015): the nonce of each chunk holds its number and whether it is the last, so that chunks
cannot be moved, left out or cut off. Each file has a key of its own, derived (HKDF, RFC 5869) from a salt and the key
file, or from a passphrase by scrypt (RFC 7914).
"""

import base64
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from cluster_ai.core.paths import make_secret, read_secret
from cluster_ai.ops.types import BackupCorrupt, BackupKeyMissing, BackupTruncated, BackupWrongKey, BadPassphrase

MAGIC: Final = b"CLAIBKP1"
CHUNK: Final = 1024 * 1024
LEAST_PASSPHRASE: Final = 12
_SALT, _CHECK, _KEY, _TAG = 16, 16, 32, 16
_FILE, _PASSPHRASE = b"F", b"P"
_LAST: Final = 1 << 31
_HEAD: Final = len(MAGIC) + 1 + _SALT + _CHECK
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**17, 8, 1


@dataclass(frozen=True, slots=True)
class Key:
    """What a backup is sealed with: a key file's content, or a passphrase."""

    kind: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def of_passphrase(cls, text: str) -> "Key":
        """Raises BadPassphrase: too short."""
        if len(text) < LEAST_PASSPHRASE:
            raise BadPassphrase(f"a passphrase has at least {LEAST_PASSPHRASE} characters")
        return cls(_PASSPHRASE, text.encode())

    @classmethod
    def of_file(cls, path: Path) -> "Key":
        """Raises BackupKeyMissing: there is no key there."""
        try:
            return cls(_FILE, _key_bytes(path, read_secret(path)))
        except (OSError, UnicodeDecodeError) as exc:
            raise BackupKeyMissing(f"{path} holds no key", hint="no other opens what it sealed") from exc

    @classmethod
    def made(cls, path: Path) -> tuple["Key", bool]:
        """The key in ``path``, made there when there is none; and whether it was made now."""
        fresh = not path.exists()
        text = make_secret(path, base64.b64encode(secrets.token_bytes(_KEY)).decode("ascii"))
        return cls(_FILE, _key_bytes(path, text)), fresh

    def of_this_file(self, salt: bytes) -> tuple[bytes, bytes]:
        """The key of the file with this salt, and what shows that it is the right one."""
        if self.kind == _PASSPHRASE:
            master = Scrypt(salt=salt, length=_KEY, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P).derive(self.secret)
        else:
            master = self.secret
        both = HKDF(SHA256(), _KEY + _CHECK, salt, b"cluster-ai backup").derive(master)
        return both[:_KEY], both[_KEY:]


class Sealing:
    """A writable end: what is written is sealed into ``file``. ``finish`` writes the last chunk."""

    def __init__(self, file: BinaryIO, key: Key) -> None:
        salt = secrets.token_bytes(_SALT)
        own, check = key.of_this_file(salt)
        self._file = file
        self._head = MAGIC + key.kind + salt + check
        self._cipher = AESGCM(own)
        self._held = bytearray()
        self._number = 0
        file.write(self._head)

    def write(self, data: bytes) -> int:
        self._held += data
        while len(self._held) > CHUNK:
            self._put(bytes(self._held[:CHUNK]), last=False)
            del self._held[:CHUNK]
        return len(data)

    def finish(self) -> None:
        self._put(bytes(self._held), last=True)

    def _put(self, data: bytes, *, last: bool) -> None:
        length = (len(data) + _TAG) | (_LAST if last else 0)
        self._file.write(length.to_bytes(4, "big"))
        self._file.write(self._cipher.encrypt(_nonce(self._number, last=last), data, self._head))
        self._number += 1


class Opening:
    """A readable end: gives what was sealed into ``file``, checked.

    Raises:
        BackupCorrupt: it is no backup, or was changed.
        BackupTruncated: it ends too early.
        BackupWrongKey: another key sealed it.
    """

    def __init__(self, file: BinaryIO, key: Key) -> None:
        head = file.read(_HEAD)
        if not head.startswith(MAGIC[: len(head)]) or not head:
            raise BackupCorrupt("this is no backup of a cluster")
        if len(head) < _HEAD:
            raise BackupTruncated("the backup ends within its head")
        kind, salt, check = head[len(MAGIC) : len(MAGIC) + 1], head[-_SALT - _CHECK : -_CHECK], head[-_CHECK:]
        _refuse_kind(kind, key)
        own, expected = key.of_this_file(salt)
        if not hmac.compare_digest(check, expected):
            raise BackupWrongKey("the backup was sealed with another key", hint="name its key file or passphrase")
        self._file, self._head, self._cipher = file, head, AESGCM(own)
        self._held = b""
        self._number = 0
        self._over = False

    def read(self, size: int = -1) -> bytes:
        while not self._over and (size < 0 or len(self._held) < size):
            self._held += self._next()
        size = len(self._held) if size < 0 else size
        given, self._held = self._held[:size], self._held[size:]
        return given

    def _next(self) -> bytes:
        length = int.from_bytes(self._exactly(4), "big")
        last, length = bool(length & _LAST), length & ~_LAST
        if not _TAG <= length <= CHUNK + _TAG:
            raise BackupCorrupt(f"chunk {self._number} of the backup has a length that none has")
        sealed = self._exactly(length)
        try:
            data = self._cipher.decrypt(_nonce(self._number, last=last), sealed, self._head)
        except InvalidTag as exc:
            raise BackupCorrupt(f"chunk {self._number} of the backup was changed") from exc
        self._number += 1
        self._over = last
        if last and self._file.read(1):
            raise BackupCorrupt("something was added to the backup's end")
        return data

    def _exactly(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            raise BackupTruncated(f"the backup ends within chunk {self._number}")
        return data


def _refuse_kind(kind: bytes, key: Key) -> None:
    if kind not in {_FILE, _PASSPHRASE}:
        raise BackupCorrupt("the backup says of no known way how it was sealed")
    if kind != key.kind:
        wanted = "a passphrase" if kind == _PASSPHRASE else "a key file"
        raise BackupWrongKey(f"the backup was sealed with {wanted}", hint="--passphrase-file or --key-file")


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\1" if last else b"\0")


def _key_bytes(path: Path, text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY:
        raise BackupKeyMissing(f"{path} holds no key of backups", hint="put the right file back; no other reads them")
    return key
