"""Secrets at rest: AES-256-GCM (NIST SP 800-38D) under a key that lies beside the other keys of this head."""

import base64
import binascii
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.paths import make_secret

NAME: Final = "notify.key"
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_FRONT: Final = "1:"


@dataclass(frozen=True, slots=True)
class Seal:
    """Made by ``load``."""

    _cipher: AESGCM = field(repr=False)
    _random: Callable[[int], bytes] = secrets.token_bytes

    @classmethod
    def load(cls, folder: Path) -> "Seal":
        """The key in ``folder``; made there when there is none.

        Raises:
            Misconfigured: the file holds something else.
        """
        path = folder / NAME
        text = make_secret(path, base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii"))
        try:
            key = base64.b64decode(text, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != KEY_BYTES:
            raise Misconfigured(f"{path} holds no key", hint="put it back from a backup, or remove it and all webhooks")
        return cls(AESGCM(key))

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
            hint = f"was {NAME} replaced? put it back, or remove the webhook and add it again"
            raise Misconfigured("a secret in the database cannot be opened", hint=hint) from exc
