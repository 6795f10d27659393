"""Finds secrets in texts: by the shapes that issuers give them, and by how random a value beside a telling name is.

Shapes as their issuers document them: AWS access key ids, GitHub tokens, Slack tokens, Google API keys, private keys
(RFC 7468), JSON Web Tokens (RFC 7519), and this product's own keys.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from cluster_ai.executors.kinds.validation.findings import Finding

SHAPES: Final = {
    "aws-access-key": r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    "github-token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})\b",
    "slack-token": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "google-api-key": r"\bAIza[A-Za-z0-9_-]{35}\b",
    "private-key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "json-web-token": r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}",
    "cluster-key": r"\bcak_[A-Za-z0-9_-]{20,}",
    "password-in-url": r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,64}:[^\s/:@{}$<>]{6,128}@[A-Za-z0-9.-]+",
}
_SHAPES: Final = {name: re.compile(pattern) for name, pattern in SHAPES.items()}
_NAMED: Final = re.compile(
    r"(?i)(?:secret|token|passw(?:or)?d|api_?key|access_?key|credential)[a-z0-9_]{0,32}[\"']?\s{0,4}[:=]{1,2}\s{0,4}"
    r"[\"']([A-Za-z0-9+/=_.-]{16,256})[\"']"
)
RANDOM: Final = 3.5
"""Bits a character: English words have about 3 or less at this length, base64 of random bytes more than 4."""
LONGEST_LINE: Final = 20_000


def secrets_in(path: str, text: str) -> Iterator[Finding]:
    """One finding for each line with a secret; never the secret itself."""
    for number, line in enumerate(text.splitlines(), 1):
        rule = _rule(line[:LONGEST_LINE])
        if rule:
            yield Finding("secrets", rule, "high", path, number, f"looks like a secret ({rule})", security=True)


def _rule(line: str) -> str:
    for name, pattern in _SHAPES.items():
        if pattern.search(line):
            return name
    if any(_is_random(found[1]) for found in _NAMED.finditer(line)):
        return "random-value"
    return ""


def _is_random(value: str) -> bool:
    """Words joined by lines have letters enough to look random; a digit among them they seldom have."""
    return entropy(value) >= RANDOM and any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def entropy(text: str) -> float:
    """Bits a character, by how often each stands in it (Shannon 1948)."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
