"""Which files of tests begin first, those that take longest, as ``--durations`` told; and which stay together."""

from pathlib import Path
from typing import Final

import pytest
from xdist.scheduler import LoadFileScheduling

HERE: Final = Path(__file__).parent
LONGEST: Final = (
    # What keeps the processors busy takes turns with what waits.
    "docs/test_readme_commands.py",
    "tui/test_pictures.py",
    "security/test_generated_requests.py",
    "security/test_bad_input.py",
    "gateway/test_resuming.py",
    "plans/test_killed_parts.py",
    "election/test_two_heads.py",
    "compute/test_share.py",
    "slo/test_end_to_end.py",
    "cluster/test_limits.py",
    "compute/test_hosts.py",
    "compute/test_processes.py",
    "cluster/test_faults.py",
    "plans/test_faults_of_a_house.py",
    "gateway/restart/test_several_processes.py",
    "cli/test_with_a_cluster.py",
    "cluster/test_surface.py",
    "compute/test_map_job.py",
    "gateway/faults/test_more_than_there_is_room_for.py",
    "nodes/ssh/test_added_machine.py",
    "gateway/restart/test_without_the_others.py",
    "cluster/test_work.py",
    "cli/test_starting.py",
    "compute/test_tls.py",
    "machines/test_verbs.py",
    "gateway/faults/test_real_model.py",
)
TOGETHER: Final = frozenset(
    f"tests/cluster/test_{name}.py" for name in ("limits", "logs", "main_job", "surface", "work")
)
"""They change nothing that the others look at: one cluster is started for all of them."""
_PLACES: Final = {HERE / name: place for place, name in enumerate(LONGEST)}


def begins(item: pytest.Item) -> int:
    """The place of a test's file in the line; all others come behind, as they were."""
    return _PLACES.get(item.path, len(LONGEST))


class Together(LoadFileScheduling):
    """The tests of a file go to one process, and so do files that share what takes long to start."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "together" if file in TOGETHER else file
