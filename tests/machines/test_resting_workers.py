"""What ``node cordon`` says of a machine holds for the tasks of Dask as for calls."""

from pathlib import Path

import pytest

from tests.machines.desk import open_desk
from tests.waiting import until


@pytest.mark.real
def test_the_scheduler_hears_who_gets_no_new_work_until_that_is_taken_back(tmp_path: Path) -> None:
    with open_desk(tmp_path) as desk:
        world = desk.api.world
        until(lambda: world.resting == (), seconds=60, what="the scheduler is looked at")
        assert desk.cli("node", "cordon", "tower").returncode == 0
        until(lambda: world.resting == ("tower",), seconds=60, what="it hears of the cordon")
        assert desk.cli("node", "uncordon", "tower").returncode == 0
        until(lambda: world.resting == (), seconds=60, what="it hears that there is none")
