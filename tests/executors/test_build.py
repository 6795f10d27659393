"""BUILD: a command that leaves files, with their hashes."""

import hashlib

import pytest

from cluster_ai.core.errors import InvalidInput
from cluster_ai.executors.catalogue import check_parameters
from tests.executors.attempts import Bench

WANTED = {
    "files": [{"path": "main.c", "text": "int main(void) { return 0; }\n"}],
    "argv": ["sh", "-c", "mkdir -p dist/bin && cp main.c dist/bin/app && echo log > dist/log.txt"],
    "artefacts": ["dist/*"],
}


@pytest.mark.real
def test_what_is_built_is_kept_with_its_hash_and_taken_away_again(bench: Bench) -> None:
    result = bench.result("BUILD", WANTED)
    assert result.ok, result
    assert [artefact.path for artefact in result.artefacts] == ["dist/bin/app", "dist/log.txt"]
    data = (bench.ticket() / "artefacts" / "dist/bin/app").read_bytes()
    assert result.artefacts[0].sha256 == hashlib.sha256(data).hexdigest()
    assert result.value["built"][0]["bytes"] == len(data)
    done = {"kind": "BUILD", "parameters": WANTED, "value": result.value}
    assert bench.result("COMPENSATE", {}, done=done).ok
    assert not (bench.ticket() / "artefacts" / "dist").exists()


@pytest.mark.real
def test_a_build_that_leaves_nothing_failed(bench: Bench) -> None:
    nothing = bench.result("BUILD", {**WANTED, "argv": ["true"]})
    assert (nothing.code, nothing.retryable) == ("artefact_missing", False)
    assert bench.result("BUILD", {**WANTED, "argv": ["false"]}).code == "exit_nonzero"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [({"forge": {"template": "cli"}}, "no code forge"), ({"argv": ["make"]}, "argv and artefacts"), ({}, "argv and")],
)
def test_wrong_builds_are_refused(parameters: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        check_parameters("BUILD", parameters)
