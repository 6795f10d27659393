"""The key with which tickets ask models: made once, kept beside the other secrets, and made anew when it was ended."""

import asyncio
import os
from pathlib import Path
from typing import Final

from cluster_ai.core.paths import PRIVATE_FILE
from cluster_ai.keys.service import Keys
from cluster_ai.keys.types import KeyState, NewKey

FILE: Final = "ticket-gateway-key"
NAME: Final = "tickets"


async def gateway_key(keys: Keys, secrets: Path) -> str:
    """The secret. Its calls go after everybody else's: nobody waits for a batch."""
    path = secrets / FILE
    kept = await asyncio.to_thread(_read, path)
    of_ours = [key for key in await keys.all() if key.name == NAME and not key.owner]
    active = [key for key in of_ours if key.state is KeyState.ACTIVE]
    if kept and any(kept.startswith(key.prefix) for key in active):
        return kept
    for key in active:
        await keys.revoke(key.id)
    made = await keys.create(NewKey(name=NAME, priority="batch"), owner_id=None)
    await asyncio.to_thread(_write, path, made.secret)
    return made.secret


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def _write(path: Path, secret: str) -> None:
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE), "w") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
