"""Where what a ticket left lies: in the folder of its name, or in one beside it.

An attempt that has lost its lease may still have the ticket's folder, asleep or cut off: whoever took the ticket over
works in a folder of its own then, and where the result lies is noted in the first.
"""

import os
from pathlib import Path
from typing import Final

NOTE: Final = ".at"
"""In a ticket's folder: the name of the one beside it that holds the result."""


def beside(folder: Path, attempt: int) -> Path:
    """The folder of an attempt that found the ticket's own taken."""
    return folder.with_name(f"{folder.name}.{attempt}")


def note(base: Path, folder: Path) -> None:
    """``folder`` has the result of the ticket whose own folder is ``base``; atomic."""
    if folder == base:
        (base / NOTE).unlink(missing_ok=True)
        return
    draft = folder / NOTE
    draft.write_text(folder.name, encoding="ascii")
    draft.replace(base / NOTE)


def holding(parent: Path, ticket_id: str) -> Path:
    """The folder below ``parent`` that has the ticket's result."""
    base = parent / ticket_id
    try:
        name = (base / NOTE).read_text(encoding="ascii")
    except (OSError, ValueError):
        return base
    # A name that is none of ours leads nowhere else.
    return parent / name if name.startswith(f"{ticket_id}.") and os.sep not in name else base
