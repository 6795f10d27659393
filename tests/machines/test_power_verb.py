"""``cluster-ai node power`` on an API of real parts."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster_ai.nodes.power import Drawn
from tests.backend.running import running_api
from tests.backend.world import INTERNAL
from tests.cli.calling import cli, environment
from tests.machines.powered import Powered, used

pytestmark = pytest.mark.real


@dataclass
class Desk:
    powered: Powered

    def power(self, *words: str, lang: str = "en") -> subprocess.CompletedProcess[str]:
        api = self.powered.api
        env = environment(api.home.root, CLUSTER_AI_PORTS__BACKEND=str(api.port), CLUSTER_AI_LANG=lang)
        return cli("node", "power", *words, env=env)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running_api(Path(tmp_path_factory.mktemp("verb")) / "home") as api:
        api.home.internal_token.write_text(INTERNAL)
        api.home.internal_token.chmod(0o600)
        powered = Powered(api)
        # The verb asks for its own days: it has no other clock than that of the box.
        powered.on_the_wall()
        yield Desk(powered)


def test_why_there_is_nothing_is_said(desk: Desk) -> None:
    done = desk.power()
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "No other machine has joined" in done.stderr
    desk.powered.join("attic")
    assert "Nothing was measured" in desk.power().stderr
    desk.powered.report("attic", None)
    said = desk.power(lang="pt-BR")
    assert "Nada foi medido" in said.stderr
    assert "não dizem o que consomem e não estão em nenhuma soma: attic" in said.stderr


def test_figures_stand_by_machine_and_by_day(desk: Desk) -> None:
    today = desk.powered.api.plane.rooms.members.energy.day()
    desk.powered.priced(0.30)
    desk.powered.join("tower")
    desk.powered.report("tower", 120.0)
    desk.powered.add({("tower", today): Drawn(1500.0, 45_000.0)}, used("tower", today, 3_000_000))
    shown = desk.power("--days", "7")
    assert shown.returncode == 0, shown.stderr
    for text in ("120 W", "1.50 kWh in 12h30m measured", "LAST 7 DAYS", "0.45 EUR", "2000", "0.15 EUR", "tower", today):
        assert text in shown.stdout, text
    assert "attic" in shown.stderr
    said = json.loads(desk.power("--json").stdout)
    assert said["schema_version"] == 1
    assert said["total"]["tokens_per_watt_hour"] == 2000.0
    assert said["untold"] == ["attic"]


def test_days_out_of_range_are_refused(desk: Desk) -> None:
    for days in ("0", "367", "x"):
        assert desk.power("--days", days).returncode == 2
