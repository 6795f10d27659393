"""What Dask's workers get of a machine, and why there are none, as ``node show`` tells it."""

import pytest

from cluster_ai.cli import words
from cluster_ai.cli.machines import rows_of, why_none
from cluster_ai.compute.sizing import WhyNone
from cluster_ai.nodes.inventory import Inventory
from cluster_ai.nodes.presence import MachineState
from cluster_ai.nodes.types import WorkerShare
from cluster_ai.nodes.views import MachineView

GIB = 1024**3


def told(share: WorkerShare | None) -> object:
    machine = MachineView(
        id="x",
        name="tower",
        state=MachineState.HEALTHY,
        port=1,
        joined_at=0.0,
        joined_by="",
        certificate_until=0.0,
        inventory=Inventory(hostname="tower"),
        share=share,
    )
    return dict(rows_of(machine))[words.t("column.workers")]


def test_a_machine_tells_what_its_workers_get() -> None:
    assert told(WorkerShare(workers=2, threads=4, memory=6 * GIB)) == "2 with 4 threads and 6.0 GiB each"
    assert told(None) == "", "one of another version does not say"


@pytest.mark.parametrize("why", WhyNone)
def test_a_machine_without_a_worker_says_why(why: WhyNone) -> None:
    text = why_none(why)
    assert " " in text
    assert told(WorkerShare(why_none=why)) == f"none: {text}"


def test_a_reason_of_another_version_is_shown_as_it_is() -> None:
    assert why_none("moonlight") == "moonlight"
