"""A machine with systemd and nothing of ours is added from the head's terminal over SSH, and works."""

import json
import shlex
import subprocess
from collections.abc import Iterator

import pytest

from tests.lan.booted import BootedMachine
from tests.lan.commands import CommandFailed
from tests.lan.house import House
from tests.lan.lan import Lan
from tests.lan.wheels import stock
from tests.waiting import until

pytestmark = [
    pytest.mark.real,
    # tests/lan/test_installed_machines.py adds one of its machines this way, too.
    pytest.mark.slow,
    # The first run on a box makes the system that the machines boot, and fetches the packages.
    pytest.mark.timeout(1200),
]
OWN_KEY = "secrets/ssh/id_ed25519"


class Home:
    """A head, and a machine that its owner reaches by SSH."""

    def __init__(self, lan: Lan) -> None:
        self.lan = lan
        self.house = House(lan, prepare=stock)
        self.machine: BootedMachine = lan.booted("one", linger=True)

    def add(self, *words: str, fingerprint: str = "") -> subprocess.CompletedProcess[str]:
        """``cluster-ai node add`` on the head, to its end."""
        head = self.house.head
        said = ["--fingerprint", fingerprint] if fingerprint else []
        whole = ["cluster-ai", "node", "add", f"owner@{self.machine.address}", "--identity", str(self.lan.key), *said]
        return head.machine.run([*whole, *words], env=head.env, check=False, seconds=400)

    def typed(self, answer: str, *words: str) -> subprocess.CompletedProcess[str]:
        """The same at a terminal, where a person types ``answer``."""
        head = self.house.head
        whole = ["cluster-ai", "node", "add", f"owner@{self.machine.address}", "--identity", str(self.lan.key), *words]
        asked = ["script", "-qec", shlex.join(whole), "/dev/null"]
        env = head.env | {"TERM": "xterm", "COLUMNS": "160"}
        return head.machine.run(asked, env=env, given=f"{answer}\n", check=False, seconds=400)

    def lines(self) -> dict[str, str]:
        """State of each join line, by its id."""
        told = json.loads(self.house.head.cli("node", "invitations", "--json").stdout)["items"]
        return {one["id"]: one["state"] for one in told}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with Lan(tmp_path_factory.mktemp("lan")) as lan:
        yield Home(lan)


def test_whose_key_nobody_knows_is_not_spoken_to(home: Home) -> None:
    done = home.add()
    assert (done.returncode, "ssh_host_key_unknown" in done.stderr) == (4, True)
    assert home.machine.fingerprint in done.stderr
    wrong = "SHA256:" + "A" * 43
    done = home.add(fingerprint=wrong)
    assert (done.returncode, "ssh_host_key_changed" in done.stderr) == (4, True)
    assert home.lines() == {}


def test_who_compares_and_says_no_is_heeded(home: Home) -> None:
    done = home.typed("n")
    assert home.machine.fingerprint in done.stdout
    assert (done.returncode, home.lines()) == (4, {})


def test_it_is_added_and_works(home: Home) -> None:
    done = home.typed("y", "--name", "one", "--label", "shelf")
    assert done.returncode == 0, done.stdout
    assert done.stdout.rstrip().endswith("one")
    assert set(home.lines().values()) == {"used"}

    def works() -> bool:
        workers = {worker["name"] for worker in home.house.get("/api/v1/compute")["workers"]}
        return "one" in home.house.healthy() & home.house.serving() and any(w.startswith("one-") for w in workers)

    until(works, seconds=120, what="it works", bears=(OSError, KeyError))
    assert home.house.get("/api/v1/machines/one")["labels"] == ["shelf"]
    left = home.machine.run(["find", "/home/owner/.cache", "-name", "cluster-ai-*"], check=False).stdout
    assert not left.strip(), "the installer's files are gone"


def test_the_clusters_own_key_opens_it_for_its_verbs_only(home: Home) -> None:
    key = home.house.head.home / OWN_KEY
    known = home.lan.folder / "known_hosts-one"
    known.write_text(home.machine.known_host)
    ask = ["ssh", "-F", "none", "-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]
    ask += ["-i", str(key), f"owner@{home.machine.address}"]
    status = home.house.head.machine.run([*ask, "status"], seconds=60)
    assert json.loads(status.stdout)["schema_version"]
    refused = home.house.head.machine.run([*ask, "id"], check=False)
    assert (refused.returncode, refused.stdout) == (126, "")
    before = {part["name"]: part["pid"] for part in json.loads(status.stdout)["parts"]}
    home.house.head.machine.run([*ask, "restart"], seconds=60)

    def is_back() -> bool:
        now = json.loads(home.house.head.machine.run([*ask, "status"], seconds=60).stdout)["parts"]
        return bool(now) and all(part["pid"] and part["pid"] != before[part["name"]] for part in now)

    until(is_back, seconds=60, what="everything was started again", bears=(CommandFailed, KeyError))
