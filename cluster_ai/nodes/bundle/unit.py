"""The service of systemd, filled in with paths that may hold anything. Python's own library alone."""

import re
from typing import Final

SYSTEM_ONLY: Final = "#system# "
NOTE: Final = "#note# "
USER_ONLY: Final = "#user# "


def filled(template: str, *, prefix: str, home: str, user: str = "") -> str:
    """The unit for a user's own systemd; with a ``user`` the machine's, which runs as that user.

    Lines of ``template`` that begin with ``#system#`` or ``#user#`` stand only in that kind, ``#note#`` in none.

    Raises:
        ValueError: a path has a line break, which no unit can say.
    """
    if any(char in text for text in (prefix, home, user) for char in "\n\r\0"):
        raise ValueError("a path with a line break cannot stand in a service")
    wanted, other = (SYSTEM_ONLY, USER_ONLY) if user else (USER_ONLY, SYSTEM_ONLY)
    kept = [line.removeprefix(wanted) for line in template.splitlines() if not line.startswith((other, NOTE))]
    text = "\n".join(kept) + "\n"
    values = {
        # Only what is executed knows variables.
        "@RUN@": _quoted(f"{prefix}/bin/cluster-ai-run").replace("$", "$$"),
        "@SETTING@": _quoted(f"CLUSTER_AI_HOME={home}"),
        "@HOME@": _quoted(home),
        "@PREFIX@": _quoted(prefix),
        "@USER@": user,
    }
    return re.sub(r"@[A-Z]+@", lambda found: values[found[0]], text)


def _quoted(text: str) -> str:
    """As systemd reads it back (systemd.syntax; systemd.unit: specifiers)."""
    for char, written in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%")):
        text = text.replace(char, written)
    return f'"{text}"'
