#!/usr/bin/env python3
"""Writes the installer's steps into install_unified.sh, which must be one file: it comes over SSH, a pipe or a stick.

With them goes what the installer and the runner of the service both do in the shell; it stands in the runner.

``--check`` changes nothing and exits 1 when they differ.
"""

import re
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SCRIPT: Final = ROOT / "install_unified.sh"
RUNNER: Final = ROOT / "scripts/install/runner.sh"
SHARED: Final = re.compile(r"(?:^#.*\n)*^end_child\(\) \{\n(?:.*\n)*?\}\n", re.MULTILINE)
BEGIN: Final = "# BEGIN of what scripts/install/embed.py writes: the installer's steps, as they stand in cluster_ai.\n"
END: Final = "# END of it.\n"
MARK: Final = "END_OF_THIS_FILE"
MODULES: Final = (
    "cluster_ai/core/errors.py",
    "cluster_ai/core/files.py",
    "cluster_ai/nodes/lines.py",
    *(
        f"cluster_ai/nodes/bundle/{name}.py"
        for name in (
            "ecdsa",
            "fetch",
            "head",
            "identity",
            "look",
            "manifest",
            "member",
            "offline",
            "steps",
            "switch",
            "unfold",
            "unit",
        )
    ),
)


def shared() -> str:
    """How a child is ended, as the runner has it."""
    found = SHARED.search(RUNNER.read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit(f"{RUNNER.name} has no end_child")
    return found[0]


def embedded() -> str:
    """What both scripts do, and a function of the shell that lays the modules out below ``$tools``."""
    pieces = [shared(), "\n"]
    pieces += ['lay_out_tools() {\n  mkdir -p "$tools/cluster_ai/core" "$tools/cluster_ai/nodes/bundle" || return 1\n']
    for name in MODULES:
        text = (ROOT / name).read_text(encoding="utf-8")
        if MARK in text:
            raise SystemExit(f"{name} has the word that ends a file")
        pieces.append(f"  cat >\"$tools/{name}\" <<'{MARK}' || return 1\n{text}{MARK}\n")
    pieces.append("}\n")
    return "".join(pieces)


def renewed(script: str) -> str:
    """``script`` with the steps as they stand now."""
    before, _, rest = script.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{embedded()}{END}{after}"


def main() -> int:
    script = SCRIPT.read_text(encoding="utf-8")
    if "--check" in sys.argv[1:]:
        return int(renewed(script) != script)
    SCRIPT.write_text(renewed(script), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
