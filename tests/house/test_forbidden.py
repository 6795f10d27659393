"""Patterns that must never stand in the product: each was a real hole or a half-done thing somewhere."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).relative_to(ROOT).as_posix()

FORBIDDEN = {
    "unknown SSH hosts trusted": r"AutoAddPolicy|StrictHostKeyChecking=no",
    "a shell in between": r"shell=True",
    "authorising by the request's own claim": r"request\.url\.(path|hostname)",
    "unpickling": r"\bpickle\.loads?\(",
    "yaml that builds objects": r"yaml\.load\(",
    "left for later": r"\b(TODO|FIXME|XXX|HACK)\b",
    "a type check switched off without a reason": r"type: ignore(?!\[)",
    "a bound beside that of Text, which does not count": r"\bText\b( \| None)? = Field\(.*max_length",
    "logs caught from loggers that may be set up for good: tests.told": r"\bcapture_logs\b",
    "default credentials": r"admin123|change-?me(?!nt)",
}
CODE = (".py", ".sh", ".ts", ".tsx", ".toml", ".yml", ".yaml")
REGISTRY_HOSTS = re.compile(
    r"pythonhosted\.org|pypi\.org|registry\.npmjs\.org|registry\.yarnpkg|deb\.debian\.org|crates\.io"
)


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    return [ROOT / name.decode() for name in names if name and (ROOT / name.decode()).is_file()]


@pytest.mark.parametrize("why", FORBIDDEN)
def test_pattern_is_absent(why: str) -> None:
    pattern = re.compile(FORBIDDEN[why])
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in tracked()
        if path.suffix in CODE and path.relative_to(ROOT).as_posix() != HERE
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, why


def test_no_test_draws_numbers_that_nobody_can_draw_again() -> None:
    """Nor does a strategy of Hypothesis: its own notice of that is off, for threads of libraries set it off, too."""
    drawn = re.compile(r"^from random import (?!Random\b|SystemRandom\b)|\brandom\.(?!Random\b|SystemRandom\b)[a-z]+\(")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        if path.suffix == ".py" and path.is_relative_to(ROOT / "tests") and path.relative_to(ROOT).as_posix() != HERE
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if drawn.search(line)
    ]
    assert not found, "take random.Random with a seed"


def test_no_registry_is_named() -> None:
    found = []
    for path in tracked():
        if path.suffix in {".png", ".gguf", ".svg", ".ico", ".woff2"} or path.relative_to(ROOT).as_posix() == HERE:
            continue
        if REGISTRY_HOSTS.search(path.read_text(encoding="utf-8", errors="ignore")):
            found.append(path.relative_to(ROOT).as_posix())
    assert not found, "locks and scripts must work with whatever index the machine is set up for"


def test_every_lock_line_has_a_hash() -> None:
    for lock in (ROOT / "requirements").glob("*.lock"):
        text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
        pins = [line for line in text.splitlines() if re.match(r"^[a-z0-9]", line)]
        assert pins, lock
        assert all("--hash=sha256:" in line for line in pins), lock
