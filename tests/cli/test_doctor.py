"""The doctor: every finding has a name and says who mends it; what is safe is mended; a report holds no secret."""

import getpass
import json
import os
import platform
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from cluster_ai.cli.checks_left import MENDS, check_left
from cluster_ai.cli.findings import FINDINGS, Check, Fix, Verdict
from cluster_ai.core.paths import Home
from cluster_ai.pki.store import Store
from tests.cli.calling import ROOT, cli, environment

SPILLED = {
    "token": "canary-token-0123456789abcdef",
    "key": "cai_abcdefgh_canary0123456789canary0123456789",
    "bearer": "canarybearer0123456789",
    "jwt": "eyJjYW5hcnk0MDA.eyJjYW5hcnkx.canary0123456789",
    "url": "canary-database-word",
    "variable": "canary-of-the-environment",
    "named": "canary-by-its-name",
    "pem": "CANARYCANARYCANARYpem",
    "address": "192.168.77.201",
    "address6": "fd00:77::c0de:1",
    "hardware": "de:ad:be:ef:77:01",
    "host": "canary-nas.home.example",
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "a home")
    home.make()
    return home


def doctor(home: Home, *words: str, **more: str) -> tuple[int, dict[str, Any]]:
    done = cli("doctor", "--json", *words, env=environment(home.root, **more))
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, told


def test_what_is_safe_is_mended_and_the_rest_is_left(home: Home) -> None:
    secret = home.secrets / "some.token"
    secret.write_text("x")
    secret.chmod(0o644)
    home.data.chmod(0o755)
    (home.run / "port-base").write_text("21000\n")
    left, mine = home.scratch / "backup-4194304999-x", home.scratch / f"backup-{os.getpid()}-x"
    left.mkdir()
    mine.mkdir()
    _, told = doctor(home)
    found = {check["code"]: check for check in told["checks"] if check["code"]}
    safe = {code for code, check in found.items() if check["fix"] == "safe"}
    assert safe == {"home_open", "secret_open", "scratch_left", "ports_forgotten"} == set(MENDS)
    assert found["secret_open"]["command"] == f"chmod 600 {secret}"
    assert found["supervisor_away"]["fix"] == "asks"
    assert not any(check["mended"] for check in told["checks"])
    assert left.exists(), "nothing is mended unasked"
    code, told = doctor(home, "--fix", "safe")
    assert {check["code"] for check in told["checks"] if check["mended"]} == safe
    assert (code, told["schema_version"]) == (7, 1), "a cluster is not started unasked"
    assert (secret.stat().st_mode & 0o777, home.data.stat().st_mode & 0o777) == (0o600, 0o700)
    assert (left.exists(), mine.exists(), (home.run / "port-base").exists()) == (False, True, False)
    text = cli("diag", "--lang", "pt-BR", env=environment(home.root)).stdout
    assert "supervisor_away · você decide" in text
    assert "secret_open" not in text


def test_a_private_key_is_a_secret_whatever_its_file_is_called(home: Home) -> None:
    """And what everybody may read is none."""
    made = cli("tls", "make", env=environment(home.root))
    assert made.returncode == 0, made.stderr
    store = Store(home.tls)
    signing = home.secrets / "signing.pem"
    signing.write_bytes(store.key.read_bytes())
    both = home.secrets / "both.crt"
    both.write_bytes(store.certificate.read_bytes() + store.key.read_bytes())
    (home.secrets / "cert.key").write_bytes(store.certificate.read_bytes())
    (home.secrets / "word.pem").write_bytes(b"\xff a word")
    files = [path for path in home.secrets.rglob("*") if path.is_file() and not path.is_symlink()]
    for path in files:
        path.chmod(0o644)
    named = {check.command for check in check_left(home, runs=True) if check.code == "secret_open"}
    secret = {path for path in files if b"PRIVATE KEY" in path.read_bytes()} | {home.secrets / "word.pem"}
    assert named == {f"chmod 600 {path}" for path in secret}
    assert {signing, both} < secret < set(files)
    MENDS["secret_open"](home)
    assert {path for path in files if path.stat().st_mode & 0o777 == 0o600} == secret


def test_every_finding_has_a_name_that_the_page_explains() -> None:
    argv = [sys.executable, "-c", "from cluster_ai.cli.findings_page import render; print(render(), end='')"]
    env = environment(ROOT, CLUSTER_AI_LANG="en")
    made = subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert made == (ROOT / "docs/reference/doctor.md").read_text()
    assert {code for code, fix in FINDINGS.items() if fix is Fix.SAFE} == set(MENDS)
    source = "".join(path.read_text() for path in (ROOT / "cluster_ai/cli").glob("*.py") if path.stem != "findings")
    assert {code for code in FINDINGS if f'"{code}"' not in source} == set(), "each is found by some check"
    with pytest.raises(KeyError):
        _ = Check("x", Verdict.PROBLEM, "", code="no_such_code").fix


def test_report_holds_nothing_that_is_nobody_elses_business(home: Home, tmp_path: Path) -> None:
    (home.secrets / "internal.token").write_text(SPILLED["token"])
    home.config.write_text(
        f'name = "shown"\ndatabase_url = "postgresql://me:{SPILLED["url"]}@{SPILLED["host"]}/db"\n'
        f'[machines]\nbind = "{SPILLED["address"]}"\n'
    )
    (home.logs / "backend.log").write_text(
        json.dumps({"event": f"shown {SPILLED['token']} {SPILLED['variable']}", "password": SPILLED["named"]})
        + "\n"
        + f"plain: Authorization: Bearer {SPILLED['bearer']} and {SPILLED['jwt']} with {SPILLED['key']}\n"
        + f"-----BEGIN PRIVATE KEY-----{SPILLED['pem']}\n"
        + f"from {SPILLED['address']}:8000 and [{SPILLED['address6']}]:1 and {SPILLED['hardware']}, again "
        + f"{SPILLED['address']}, at 12:34:56 of https://{SPILLED['host']}:8443/x on {platform.node()}\n"
    )
    file = tmp_path / "report.tar.gz"
    _, told = doctor(home, "--bundle", str(file), MY_API_KEY=SPILLED["variable"])
    assert told["bundle"] == str(file)
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as archive:
        texts = {name: archive.extractfile(name).read().decode() for name in archive.getnames()}  # type: ignore[union-attr]
    assert set(texts) == {"about.json", "findings.json", "settings.json", "logs/backend.log"}
    whole = "\n".join(texts.values())
    assert {name for name, value in SPILLED.items() if value in whole} == set()
    assert "canary" not in whole.lower()
    assert str(home.root) not in whole
    user = getpass.getuser()
    assert user == "root" or f"/{user}/" not in whole
    # What helps is there: the same address is the same mark, and times are no addresses.
    log = texts["logs/backend.log"]
    assert "shown" in log
    mark = log.partition("from ")[2].partition(":8000")[0]
    assert mark.startswith("<address-")
    assert log.count(mark) == 2
    assert "12:34:56" in log
    assert json.loads(texts["settings.json"])["name"] == "shown"
    assert json.loads(texts["findings.json"]) != []
    assert json.loads(texts["about.json"])["version"]
