"""The real program as a service of a machine with systemd: its own commands and its service do not fight each other."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.install.carried import carried
from tests.lan.booted import CHECKOUT
from tests.lan.lan import Lan
from tests.lan.placed import UNIT, Place
from tests.lan.wheels import house, kind
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(1800)]
NEWER = "0.2.0"
FOLDERS = ("cluster_ai", "backend", "config", "scripts", "requirements", "examples")


def changed(folder: Path, *changes: tuple[str, str, str]) -> Path:
    """This checkout's program as a newer version; in each file one text for another."""
    for name in FOLDERS:
        shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "install_unified.sh", folder)
    for file, old, new in (("cluster_ai/__init__.py", '"0.1.0"', f'"{NEWER}"'), *changes):
        text = (folder / file).read_text()
        assert old in text, file
        (folder / file).write_text(text.replace(old, new, 1))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("carried")
    python = kind()[0]
    carried(made / "bundle.tar", CHECKOUT, house(), python=python)
    carried(made / "newer.tar", changed(made / "newer"), house(), python=python, version=NEWER)
    broken = changed(made / "broken", ("backend/app.py", "from fastapi", "raise SystemExit('novelty')\nfrom fastapi"))
    carried(made / "broken.tar", broken, house(), python=python, version=NEWER)
    (made / "install_unified.sh").write_bytes((CHECKOUT / "install_unified.sh").read_bytes())
    for path in (made.parent, made):
        path.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Place]:
    with Lan(tmp_path_factory.mktemp("lan")) as lan:
        machine = lan.booted("big", shows=(folder,))
        # What tickets' sandboxes are made with; the machine's own mirror is out of reach.
        shutil.copy(shutil.which("bwrap") or "", machine.disk("/usr/bin/bwrap"))
        there = Place(machine, "root", "all-in-one", folder)
        said = there.install()
        assert "This machine is the head of a cluster." in said, said
        assert "http://localhost:8000" in said
        yield there


def cli(place: Place, *words: str, check: bool = True) -> str:
    return place.run("cluster-ai", "--lang", "en", *words, check=check)


def status(place: Place) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(
        place.machine.run(["cluster-ai", "service", "status", "--json"], check=False).stdout
    )
    return told


def answers(place: Place) -> bool:
    done = place.machine.run(["curl", "-sf", "http://127.0.0.1:8000/health"], check=False)
    return done.returncode == 0


def version(place: Place) -> str:
    return place.run("readlink", f"{place.prefix}/current").strip().removeprefix("versions/")


def test_all_of_it_runs_as_its_own_user_and_answers(place: Place) -> None:
    assert {user for user, _, _ in place.processes()} == {place.runs_as}
    assert answers(place)
    told = status(place)
    assert (told["kind"], told["role"], told["state"]) == ("systemd_system", "head", "active")
    assert told["at_boot"]
    assert not told["held"]
    body = '{"model":"smollm2:135m","stream":false,"messages":[{"role":"user","content":"Capital of France?"}]}'
    asked = place.run("curl", "-s", "http://127.0.0.1:11435/api/chat", "-d", body)
    assert "message" in asked, asked


def test_what_it_is_shut_in_by_lets_tickets_run_in_their_sandbox(place: Place) -> None:
    code = "import os, socket; print(os.getuid(), sorted(os.listdir('/')), socket.gethostname())"
    ticket = {"id": "a", "type": "EXECUTE", "parameters": {"argv": ["/usr/bin/python3", "-c", code]}}
    own = ["cluster-ai", "--lang", "en"]
    made = place.machine.run([*own, "plan", "submit", "-"], given=json.dumps({"tickets": [ticket]})).stdout.strip()
    done = place.machine.run([*own, "plan", "wait", made], check=False, seconds=120)
    shown = place.machine.run([*own, "ticket", "list", "--plan", made, "--json"]).stdout
    assert done.returncode == 0, shown
    number = json.loads(shown)["items"][0]["ticket_id"]
    said = cli(place, "ticket", "logs", number)
    assert "1000 [" in said, said
    assert "home" not in said, "it sees no data of anybody"


def test_who_may_not_look_into_its_data_is_still_told_that_it_runs(place: Place) -> None:
    told = json.loads(place.machine.run(["cluster-ai", "service", "status", "--json"], user="owner").stdout)
    assert told["pid"]
    assert told["state"] == "active"


def test_stopped_by_its_own_command_it_stays_so_until_up(place: Place) -> None:
    said = cli(place, "down")
    assert "after cluster-ai up" in said
    assert not place.program()
    told = status(place)
    assert told["state"] == "active", "systemd's part is the watcher, which waits"
    assert told["held"]
    place.run("sleep", "4")
    assert not place.program()
    cli(place, "up", "--detach")
    assert answers(place)
    assert not status(place)["held"]


def test_restarted_by_its_own_command_it_is_its_services_child_again(place: Place) -> None:
    before = place.program()
    cli(place, "restart")
    assert place.program() not in {0, before}
    parent = place.run("ps", "-o", "ppid=", "-p", str(place.program())).strip()
    assert parent == str(status(place)["pid"])


def test_after_a_reboot_it_answers_also_when_it_had_been_stopped(place: Place) -> None:
    cli(place, "down")
    place.machine.reboot()
    until(lambda: answers(place), seconds=120, what="it answers again")


def test_what_systemd_stopped_is_not_started_behind_its_back(place: Place) -> None:
    place.systemctl("stop", UNIT)
    assert not place.processes()
    said = cli(place, "up", "--detach", check=False)
    assert "sudo systemctl start cluster-ai.service" in said, said
    assert not place.processes()
    place.systemctl("start", UNIT)
    until(lambda: answers(place), seconds=120, what="it answers again")


def test_a_newer_version_stays_and_can_be_left_again(place: Place) -> None:
    before = version(place)
    said = place.run(
        "sh", str(place.folder / "install_unified.sh"), place.role, "--yes", "--offline",
        str(place.folder / "newer.tar"), "--signer", place.run("cat", f"{place.prefix}/signer").strip(),
    )  # fmt: skip
    assert version(place).startswith(NEWER), said
    assert answers(place)
    parent = place.run("ps", "-o", "ppid=", "-p", str(place.program())).strip()
    assert parent == str(status(place)["pid"])
    cli(place, "update", "rollback")
    assert version(place) == before
    assert answers(place)


def test_a_newer_version_that_does_not_become_ready_goes_back_by_itself(place: Place) -> None:
    before = version(place)
    said = cli(place, "update", "apply", str(place.folder / "broken.tar"), check=False)
    assert "update_rolled_back" in said, said
    assert version(place) == before
    assert answers(place)
    assert place.systemctl("is-active", UNIT) == "active"


def test_an_update_that_is_killed_is_undone_by_the_service(place: Place) -> None:
    before = version(place)
    # At the moment of which nobody comes back by himself: switched, and the new one has not become ready.
    kill = (
        f"cluster-ai update apply {place.folder}/broken.tar & "
        f"until grep -q '\"switched\": *true' {place.home}/updating.json 2>/dev/null; do sleep 0.1; done; "
        "sleep 3; pkill -KILL -u cluster-ai -f 'update apply'; wait"
    )
    place.machine.run(["sh", "-c", kill], check=False, seconds=300)
    until(lambda: answers(place), seconds=120, what="the version before answers again")
    assert version(place) == before
    assert not place.machine.disk(f"{place.home}/updating.json").exists()


def test_purged_it_leaves_nothing(place: Place) -> None:
    place.run("sh", f"{place.prefix}/bin/uninstall", "--yes", "--purge")
    assert not place.processes()
    assert {name for name in place.files() - place.before if not name.endswith("-")} == set()
