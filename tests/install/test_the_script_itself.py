"""The installer is one file: its steps are those of the package, its sentences stand in both languages."""

import re
import subprocess
import sys

import pytest

from tests.install.conftest import ROOT, SCRIPT

TEXT = SCRIPT.read_text(encoding="utf-8")
SHELL = TEXT.partition("# BEGIN of what")[0]


def test_its_steps_are_those_of_the_package() -> None:
    embed = ROOT / "scripts/install/embed.py"
    assert subprocess.run([sys.executable, str(embed), "--check"], check=False).returncode == 0, (
        "run scripts/install/embed.py"
    )


def test_its_steps_need_no_package() -> None:
    """With nothing but Python's own library, they can be imported: a new machine has nothing else."""
    names = re.findall(r'^  cat >"\$tools/(.+?)\.py"', TEXT, re.MULTILINE)
    assert len(names) > 10
    modules = ",".join(name.replace("/", ".") for name in names)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {modules}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def sentences(tongue: str) -> dict[str, str]:
    found = re.findall(rf"^  {tongue}_(\w+)='((?:[^']|'\\'')*)'", SHELL, re.MULTILINE)
    return dict(found)


def test_every_sentence_stands_in_both_languages_with_the_same_gaps() -> None:
    english, portuguese = sentences("en"), sentences("pt")
    assert english.keys() == portuguese.keys()
    for key, text in english.items():
        assert text.count("%s") == portuguese[key].count("%s"), key


def body() -> str:
    """The shell behind the sentences, without its comments."""
    after = SHELL.partition("\nwords() {")[2]
    return re.sub(r"(?m)(^|\s)# .*$", "", after)


@pytest.mark.parametrize("command", ["say", "tell", "leave [0-9]+", "words", "ask", r"finding \w+ [0-9]+", "step"])
def test_every_sentence_that_is_said_exists(command: str) -> None:
    keys = set(re.findall(rf"(?:^|[\s(;{{]){command} ([a-z_]+)\b", body(), re.MULTILINE))
    assert keys
    assert keys - sentences("en").keys() == set()


def test_every_sentence_is_said() -> None:
    text = body()
    for key in sentences("en"):
        # The service's is picked by its kind.
        assert key.startswith("service_") or re.search(rf"\b{key}\b", text), key
