"""The doctor over the API: the command line's own findings, without secrets, in bounded time, one look at a time."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from backend.doctor_room import Doctor, DoctorSilent, DoctorView
from cluster_ai.core.paths import Home
from tests.backend.running import running_api

DOCTOR = "/api/v1/program/doctor"
ANSWER = '{"version": "1", "python": "3", "system": "s", "checks": []}'


def child(code: str, seconds: float = 20.0) -> Doctor:
    return Doctor(os.environ, command=(sys.executable, "-I", "-S", "-c", code), seconds=seconds)


@pytest.mark.real
def test_finds_what_the_command_line_finds_and_spills_no_secret(tmp_path: Path) -> None:
    home = Home(tmp_path / "other")
    home.make()
    spilled = home.secrets / "canary-0123456789"
    spilled.write_text("canary-0123456789\n")
    spilled.chmod(0o644)
    env = {name: value for name, value in os.environ.items() if not name.startswith("CLUSTER_AI_")}
    doctor = Doctor({**env, "CLUSTER_AI_HOME": str(home.root)})
    with running_api(tmp_path / "home", doctor=doctor) as api, api.local() as client:
        answer = client.get(DOCTOR, params={"lang": "pt-BR"})
        assert answer.status_code == 200, answer.text
        assert client.get(DOCTOR, params={"lang": "tlh"}).status_code == 422
    found = {check["code"]: check for check in answer.json()["checks"] if check["code"]}
    assert found["supervisor_away"]["command"] == "cluster-ai up -d"
    assert (found["supervisor_away"]["fix"], found["supervisor_away"]["verdict"]) == ("asks", "problem")
    assert found["secret_open"]["fix"] == "safe"
    assert str(home.secrets) in found["secret_open"]["command"], "a fix that can be typed"
    assert found["secret_open"]["evidence"].startswith("outros podem ler"), "in the language asked for"
    assert "canary" not in answer.text
    assert spilled.stat().st_mode & 0o777 == 0o644, "nothing is mended"


def test_one_that_does_not_end_is_ended(tmp_path: Path) -> None:
    seen = tmp_path / "pid"
    doctor = child(f"import os, time; open({str(seen)!r}, 'w').write(str(os.getpid())); time.sleep(60)", seconds=1.0)
    with pytest.raises(DoctorSilent, match="within 1 s"):
        asyncio.run(doctor.look("en"))
    with pytest.raises(ProcessLookupError):
        os.kill(int(seen.read_text()), 0)


@pytest.mark.parametrize("code", ["print('no JSON')", "print('{}')", "print('[]')", "raise SystemExit(1)"])
def test_one_that_ends_without_findings_is_an_error(code: str) -> None:
    with pytest.raises(DoctorSilent, match="without findings"):
        asyncio.run(child(code).look("en"))


def test_many_who_ask_at_once_share_one_look(tmp_path: Path) -> None:
    seen = tmp_path / "looks"
    doctor = child(f"open({str(seen)!r}, 'a').write('x'); print({ANSWER!r})")

    async def look() -> list[DoctorView]:
        return await asyncio.gather(*(doctor.look("en") for _ in range(5)))

    assert len(asyncio.run(look())) == 5
    assert seen.read_text() == "x"
