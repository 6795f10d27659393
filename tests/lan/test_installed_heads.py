"""Machines with systemd and nothing of ours become heads, from a file, and are heads again after a reboot.

The program is a small one (``tests.install.small``): what is shown is the installer, the service and systemd. Their
network leads nowhere. With the real program: ``test_real_heads``.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cluster_ai.firewall import boot
from tests.install.carried import carried
from tests.install.small import program, small_wheel, uv_wheel
from tests.lan.booted import CHECKOUT
from tests.lan.lan import Lan
from tests.lan.placed import UNIT, Place
from tests.lan.wheels import kind
from tests.waiting import until

pytestmark = [
    pytest.mark.real,
    # The first run on a box makes the system that they boot.
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is carried to the machines."""
    made = tmp_path_factory.mktemp("carried")
    wheels = made / "wheels"
    wheels.mkdir()
    small_wheel(wheels)
    uv_wheel(wheels)
    small = program(made / "program", wheel=wheels / "small-1-py3-none-any.whl")
    carried(made / "bundle.tar", small, wheels, python=kind()[0])
    (made / "install_unified.sh").write_bytes((CHECKOUT / "install_unified.sh").read_bytes())
    for path in (made.parent, made):
        path.chmod(0o755)
    return made


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[list[Place]]:
    with Lan(tmp_path_factory.mktemp("lan")) as lan:
        with ThreadPoolExecutor() as doing:
            booted = [*doing.map(lambda name: lan.booted(name, shows=(folder,), linger=name == "own"), ("big", "own"))]
        made = [Place(booted[0], "root", "head", folder), Place(booted[1], "owner", "all-in-one", folder)]
        with ThreadPoolExecutor() as doing:
            for said in doing.map(Place.install, made):
                assert "This machine is the head of a cluster." in said
        yield made


def test_it_runs_as_who_it_should_and_its_unit_is_enabled(places: list[Place]) -> None:
    for place in places:
        assert {user for user, _, _ in place.processes()} == {place.runs_as}
        assert place.systemctl("is-active", UNIT) == "active"
        assert place.systemctl("is-enabled", UNIT) == "enabled"
        mine = place.run("stat", "-c", "%a %U", place.home).split()
        assert mine == ["700", place.runs_as]


@pytest.mark.slow
def test_what_dies_is_started_again_the_cluster_as_well_as_who_watches_it(places: list[Place]) -> None:
    for place in places:
        before = place.program()
        place.machine.run(["kill", "-KILL", str(before)])
        until(lambda place=place, before=before: place.program() not in {0, before}, seconds=20, what="it is back")
        watcher = int(place.systemctl("show", "--property=MainPID", "--value", UNIT))
        place.machine.run(["kill", "-KILL", str(watcher)])
        until(
            lambda place=place, watcher=watcher: (
                place.program()
                and place.systemctl("show", "--property=MainPID", "--value", UNIT) not in {"0", str(watcher)}
            ),
            seconds=30,
            what="systemd has started its watcher again",
        )
        assert int(place.systemctl("show", "--property=NRestarts", "--value", UNIT)) >= 1


def test_a_second_run_changes_nothing(places: list[Place]) -> None:
    for place in places:
        before, pid = place.files(), place.program()
        assert "Nothing to do" in place.install()
        assert place.files() == before
        assert place.program() == pid


def test_after_a_reboot_it_is_there_without_anybody(places: list[Place]) -> None:
    with ThreadPoolExecutor() as doing:
        list(doing.map(lambda place: place.machine.reboot(), places))
    for place in places:
        until(place.program, seconds=30, what="the cluster runs again")
        assert not place.machine.run(["loginctl", "list-sessions", "--no-legend"]).stdout.strip()


@pytest.mark.slow
def test_what_is_damaged_is_mended(places: list[Place]) -> None:
    for place in places:
        place.machine.run(["sh", "-c", f"rm {place.prefix}/current/venv/lib/python3*/site-packages/small.py"])
        place.machine.run(["rm", f"{place.prefix}/bin/cluster-ai"])
        assert "cannot be started" in place.run("sh", f"{place.prefix}/bin/install_unified.sh", "--check", check=False)
        assert "Repaired." in place.install("--repair")
        assert place.program()


def test_stopped_by_systemd_nothing_is_left_running(places: list[Place]) -> None:
    for place in places:
        place.systemctl("stop", UNIT)
        assert not place.processes()
        place.systemctl("start", UNIT)
        until(place.program, seconds=20, what="it runs again")


@pytest.mark.slow
def test_the_firewalls_unit_is_let_do_its_work(places: list[Place]) -> None:
    """By a systemd that holds it to all that it is shut in by."""
    machine = places[0].machine

    def do(*words: str, given: str = "") -> str:
        return machine.run([*words], given=given).stdout

    (machine.disk("/etc") / "cluster-ai").mkdir(exist_ok=True)
    machine.disk("/etc/cluster-ai/firewall.nft").write_text("add table inet cluster_ai\n")
    unit = boot.TEMPLATE.format(nft="/usr/sbin/nft", rules="/etc/cluster-ai/firewall.nft")
    machine.disk(f"/etc/systemd/system/{boot.UNIT}").write_text(unit)
    do("systemctl", "enable", "--now", boot.UNIT)
    assert "table inet cluster_ai" in do("nft", "list", "tables")
    machine.reboot()
    assert do("systemctl", "is-active", boot.UNIT).strip() == "active"
    assert "table inet cluster_ai" in do("nft", "list", "tables")
    do("systemctl", "disable", "--now", boot.UNIT)
    do("rm", "-r", "/etc/cluster-ai", f"/etc/systemd/system/{boot.UNIT}")
    do("nft", "delete", "table", "inet", "cluster_ai")


@pytest.mark.slow
def test_purged_it_leaves_nothing_and_uninstalled_its_data(places: list[Place]) -> None:
    for place in places:
        place.run("sh", f"{place.prefix}/bin/uninstall", "--yes", "--purge")
        assert not place.processes()
        assert UNIT not in place.systemctl("list-unit-files", "--no-legend")
        # The system keeps copies of its list of users beside it.
        assert {name for name in place.files() - place.before if not name.endswith("-")} == set()
        place.install()
        place.run("sh", f"{place.prefix}/bin/uninstall", "--yes")
        assert not place.processes()
        assert f"{place.home}/config.toml" in place.files()
        assert not [name for name in place.files() if name.startswith(place.prefix)]


@pytest.mark.slow
def test_cut_from_power_while_it_is_installed_it_boots_as_it_was_and_takes_a_second_run(places: list[Place]) -> None:
    place = places[0]
    with ThreadPoolExecutor() as doing:
        begun = doing.submit(place.install, check=False)
        until(place.machine.disk(f"{place.prefix}/versions").exists, seconds=30, what="it unfolds the program")
        place.machine.cut()
        begun.result()
    place.machine.boot()
    assert not place.processes()
    assert UNIT not in place.systemctl("list-unit-files", "--no-legend")
    assert "This machine is the head of a cluster." in place.install()
    assert place.program()
