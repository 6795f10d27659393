"""The key with which tickets ask models: made once, kept beside the other secrets, and made anew when it was ended."""

import asyncio
from pathlib import Path
from typing import Final

from cluster_ai.core import files
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
    await asyncio.to_thread(files.replace, path, made.secret)
    return made.secret


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
