"""The line in ``authorized_keys`` by which the cluster's own key opens this machine, as the machine itself sees it."""

import os
import re
import shlex
import shutil
from pathlib import Path
from typing import Final

DOOR: Final = ".local/share/cluster-ai/ssh-door"
"""Below the user's home on the machine."""
_COMMAND: Final = re.compile(r'^restrict,from="[^"]*",command="((?:[^"\\]|\\.)*)" ')
_ESCAPED: Final = re.compile(r"\\(.)")
_WORDS: Final = 2


def take_away(home: Path, prefix: Path) -> bool:
    """Whether the key opened the installation in ``prefix`` to the cluster; from now on it does not. Blocks.

    Other keys stay, and so does one that opens another installation of the same account.

    Raises:
        OSError: the file cannot be written.
    """
    # Where it is kept elsewhere, it stays there.
    file = (home / ".ssh" / "authorized_keys").resolve()
    try:
        lines = file.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return False
    kept = [line for line in lines if not _opens(line.decode("utf-8", "replace"), prefix)]
    if len(kept) == len(lines):
        return False
    draft = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        # In one step, with the rights that it had.
        shutil.copy2(file, draft)
        draft.write_bytes(b"".join(kept))
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    (home / DOOR).unlink(missing_ok=True)
    return True


def _opens(line: str, prefix: Path) -> bool:
    if (found := _COMMAND.match(line)) is None:
        return False
    try:
        words = shlex.split(_ESCAPED.sub(r"\1", found[1]))
    except ValueError:
        return False
    if len(words) != _WORDS or not words[0].endswith(f"/{DOOR}"):
        return False
    return Path(words[1]).parent.parent.resolve() == prefix.resolve()
