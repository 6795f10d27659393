"""Secrets at rest: AES-256-GCM (NIST SP 800-38D) under a key that lies beside the other keys of this head."""

import base64
import binascii
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.paths import make_secret

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_FRONT: Final = "1:"


@dataclass(frozen=True, slots=True)
class Seal:
    """Made by ``at``. ``_lost`` is the hint when something cannot be opened."""

    _cipher: AESGCM = field(repr=False)
    _lost: str
    _random: Callable[[int], bytes] = secrets.token_bytes

    @classmethod
    def at(cls, path: Path, *, remove: str, again: str) -> Self:
        """With the key in ``path``; made there when there is none.

        ``remove`` and ``again`` end the hints: what goes with a key that is gone, and what mends one secret.

        Raises:
            Misconfigured: the file holds something else.
        """
        text = make_secret(path, base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii"))
        try:
            key = base64.b64decode(text, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != KEY_BYTES:
            raise Misconfigured(f"{path} holds no key", hint=f"put it back from a backup, or remove it and {remove}")
        return cls(AESGCM(key), f"was {path.name} replaced? put it back, or {again}")

    def close(self, text: str, *, owner: str) -> str:
        """``text`` as it is stored. It can be opened only for the same ``owner``: rows cannot be swapped."""
        nonce = self._random(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, text.encode(), owner.encode())
        return _FRONT + base64.b64encode(sealed).decode("ascii")

    def open(self, sealed: str, *, owner: str) -> str:
        """The text again.

        Raises:
            Misconfigured: it was sealed with another key or for another owner, or is damaged.
        """
        try:
            raw = base64.b64decode(sealed.removeprefix(_FRONT), validate=True)
            return self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], owner.encode()).decode()
        except (InvalidTag, ValueError) as exc:
            raise Misconfigured("a secret in the database cannot be opened", hint=self._lost) from exc
