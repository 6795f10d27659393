"""VALIDATE: planted sins are found, clean files are not blamed, and what could not be looked at says so."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.core.errors import InvalidInput
from cluster_ai.executors.catalogue import check_parameters
from cluster_ai.executors.kinds.validation.findings import UNSAFE, WEIGHTS, Finding, score
from cluster_ai.executors.kinds.validation.licences import DEFAULT_DENIED, denied_in
from cluster_ai.executors.kinds.validation.policy import Rule, broken_by
from cluster_ai.executors.kinds.validation.secret_words import secrets_in
from tests.executors.attempts import Bench

CLEAN = 'def double(number: int) -> int:\n    """Twice."""\n    return number * 2\n'
SINS = """# ruff: noqa
import subprocess, hashlib
def run(words):
    return subprocess.call(words, shell={}True)  # nosec
def weak(data):
    return hashlib.md5(data), undefined_name
""".replace("SHELL", "shell" + "=True").replace("{}", "")  # our own files must not hold it in one piece
TOKEN = "ghp_" + "a1B2" * 10


def files(**texts: str) -> list[dict[str, str]]:
    return [{"path": name.replace("__", "."), "text": text} for name, text in texts.items()]


@pytest.mark.real
def test_clean_files_pass_every_check(bench: Bench) -> None:
    result = bench.result("VALIDATE", {"files": files(app__py=CLEAN, README__md="MIT licensed")})
    assert result.ok, result
    assert result.value["score"] == 1.0
    assert {check["state"] for check in result.value["checks"].values()} == {"passed"}


@pytest.mark.real
def test_what_files_say_of_themselves_does_not_count(bench: Bench) -> None:
    texts = files(app__py=SINS, keys__txt=f"token = '{TOKEN}'\n", pyproject__toml="[tool.ruff]\nexclude=['*']\n")
    result = bench.result("VALIDATE", {"files": texts})
    assert (result.code, result.retryable) == ("score_low", False)
    found = {(each["check"], each["rule"]) for each in result.value["findings"]}
    assert {("bandit", "B602"), ("bandit", "B324"), ("ruff", "F821"), ("secrets", "github-token")} <= found
    assert result.value["score"] <= UNSAFE
    whole = json.loads((bench.ticket() / "artefacts" / "findings.json").read_text(encoding="utf-8"))
    assert TOKEN not in json.dumps(whole), "a finding never repeats the secret"
    where = next(each for each in whole["findings"] if each["rule"] == "B602")
    assert (where["path"], where["line"]) == ("app.py", 4)


@pytest.mark.real
def test_without_a_sandbox_the_tools_are_not_run_and_nothing_is_called_passed(bench: Bench) -> None:
    bench.grants["sandbox"] = "none"
    result = bench.result("VALIDATE", {"files": files(app__py=CLEAN)})
    assert (result.ok, result.code) == (False, "not_run")
    states = {name: check["state"] for name, check in result.value["checks"].items()}
    assert states == {
        "secrets": "passed", "licences": "passed", "policy": "passed", "ruff": "not_run", "bandit": "not_run",
    }  # fmt: skip
    enough = bench.result("VALIDATE", {"files": files(app__py=CLEAN), "checks": ["secrets", "policy"]})
    assert enough.ok


@pytest.mark.real
def test_a_file_that_is_no_python_is_found(bench: Bench) -> None:
    result = bench.result("VALIDATE", {"files": files(app__py="def f(:\n"), "checks": ["ruff"], "least_score": 1.0})
    assert result.code == "score_low"
    assert result.value["counts"]["medium"] >= 1


@given(st.lists(st.sampled_from(sorted(WEIGHTS)), max_size=30), st.booleans())
def test_the_score(severities: list[Any], security: bool) -> None:
    findings = [Finding("c", "r", severity, "p", 1, "t", security=security) for severity in severities]
    reached = score(findings)
    assert 0 <= reached <= 1
    assert score([]) == 1.0
    assert score([*findings, Finding("c", "r", "low", "p", 1, "t")]) <= reached
    if security and "high" in severities:
        assert reached < 0.5


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("key = 'AKIAIOSFODNN7EXAMPLE'", "aws-access-key"),
        (TOKEN, "github-token"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "private-key"),
        ("url = postgres://app:hunter22@db/x", "password-in-url"),
        ("cak_abcdefghijklmnopqrstuvwx", "cluster-key"),
        ("api_key: 'Zk3vQ9xT7mLp2RwY8sBn'", "random-value"),
        ("password = os.environ['DB_PASSWORD_FROM_VAULT']", ""),
        ("password = 'change_this_password'", ""),
        ("sha = '9f86d081884c7d659a2feaa0c55ad015'", ""),
        ("postgres://app:${PASSWORD}@db/x", ""),
    ],
)
def test_secrets_by_shape_and_by_chance(text: str, rule: str) -> None:
    assert [each.rule for each in secrets_in("f", text)] == ([rule] if rule else [])


@pytest.mark.parametrize(
    ("path", "text", "names"),
    [
        ("a.py", "# SPDX-License-Identifier: GPL-3.0-or-later\n", ["GPL-3.0-or-later"]),
        ("a.py", "# SPDX-License-Identifier: MIT OR Apache-2.0\n", []),
        ("package.json", '{"license": "AGPL-3.0"}', ["AGPL-3.0"]),
        ("LICENSE", "   GNU AFFERO GENERAL PUBLIC LICENSE\n Version 3", ["AGPL-3.0"]),
        ("LICENSE.md", "MIT License", []),
    ],
)
def test_licences(path: str, text: str, names: list[str]) -> None:
    assert [each.rule for each in denied_in(path, text, DEFAULT_DENIED)] == names


def test_rules_of_the_house_take_no_time_whatever_the_line() -> None:
    rule = Rule(name="no-eval", forbid="a*a*a*a*a*a*a*a*b", files="*.py")
    assert list(broken_by("x.py", "a" * 100_000, [rule])) == []
    assert [each.line for each in broken_by("x.py", "\nxaaaaaaaaaab", [rule])] == [2]
    assert list(broken_by("x.txt", "aaaaaaaaab", [rule])) == []


@pytest.mark.parametrize(
    "parameters",
    [
        {"files": []},
        {"files": files(a="x"), "checks": ["sonarqube"]},
        {"files": files(a="x"), "least_score": 2.0},
        {"files": files(a="x"), "rules": [{"name": "all", "forbid": "*"}]},
    ],
)
def test_wrong_validations_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        check_parameters("VALIDATE", parameters)
