"""What holds of every line of the program, and is seen in its text."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PASSWORDS = re.compile(r'autoComplete="(?:current|new)-password"')


def sources(folder: str, *suffixes: str) -> dict[str, str]:
    found = [path for path in (ROOT / folder).rglob("*") if path.suffix in suffixes and ".test." not in path.name]
    assert found
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in found}


def test_fields_of_passwords_are_masked_and_filled_in_by_password_managers() -> None:
    fields = 0
    for name, text in sources("web-dashboard/src", ".tsx").items():
        assert not re.search(r"on(?:Paste|Copy|Cut)\b", text), f"{name}: people may paste"
        inputs = re.findall(r"<PasswordInput\b.*?/>", text, re.DOTALL)
        assert len(PASSWORDS.findall(text)) == sum(bool(PASSWORDS.search(field)) for field in inputs), name
        assert all("autoComplete=" in field for field in inputs), name
        fields += len(inputs)
    assert fields >= 4


def test_weak_hashes_are_nowhere_but_where_openssh_wants_one() -> None:
    weak = re.compile(r"\bmd[245]\b|\bsha1\b|[\"']ripemd", re.IGNORECASE)
    found = {
        name
        for folder in ("backend", "cluster_ai")
        for name, text in sources(folder, ".py").items()
        if any(weak.search(line.partition("#")[0]) for line in text.splitlines())
    }
    # Names of hosts in known_hosts are hidden by HMAC-SHA1, which protects no secret.
    assert found == {"cluster_ai/nodes/discovery/known_hosts.py"}


def test_nothing_runs_text_as_code() -> None:
    dynamic = re.compile(r"(?<![\w.])(?:eval|new Function)\(|dangerouslySetInnerHTML|\.innerHTML\b|document\.write")
    found = {name for name, text in sources("web-dashboard/src", ".ts", ".tsx").items() if dynamic.search(text)}
    assert found == set()
