"""Under which licences files say that they stand, and whether those are allowed. Pure."""

import re
from collections.abc import Collection, Iterator
from typing import Final

from cluster_ai.executors.kinds.validation.findings import Finding

DEFAULT_DENIED: Final = ("AGPL-3.0*", "GPL-2.0*", "GPL-3.0*", "SSPL-1.0", "BUSL-1.1", "CC-BY-NC-*")
_TAG: Final = re.compile(r"SPDX-License-Identifier:\s{0,8}([^\r\n*#<>]{1,200})")
_DECLARED: Final = re.compile(r"(?m)(?:^|[\s{,])[\"']?license[\"']?\s{0,8}[:=]\s{0,8}[\"']([^\"'\r\n]{1,200})[\"']")
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
_JOINTS: Final = frozenset({"AND", "OR", "WITH"})
_TEXTS: Final = {
    "AGPL-3.0": "GNU AFFERO GENERAL PUBLIC LICENSE",
    "GPL-3.0": "GNU GENERAL PUBLIC LICENSE",
    "SSPL-1.0": "Server Side Public License",
}
_NAMES: Final = re.compile(r"(?i)(^|/)(licen[cs]e|copying)(\.(md|txt|rst))?$")


def licences_in(path: str, text: str) -> Iterator[tuple[int, str]]:
    """(line, SPDX identifier) of each that the file names, in a tag, a declaration or by the text itself."""
    for pattern in (_TAG, _DECLARED):
        for found in pattern.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield from ((line, word) for word in _WORD.findall(found[1]) if word.upper() not in _JOINTS)
    if _NAMES.search(path):
        head = text[:1000]
        # The text of the AGPL names the GPL, too, but further down.
        name = next((name for name, words in _TEXTS.items() if words in head), "")
        if name:
            yield 1, name


def denied_in(path: str, text: str, denied: Collection[str]) -> Iterator[Finding]:
    """A finding for each licence that is not allowed; ``*`` in ``denied`` stands for any ending."""
    for line, name in dict.fromkeys(licences_in(path, text)):
        if any(_fits(name, pattern) for pattern in denied):
            yield Finding("licences", name, "high", path, line, f"stands under {name}, which is not allowed")


def _fits(name: str, pattern: str) -> bool:
    name, pattern = name.lower(), pattern.lower()
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
