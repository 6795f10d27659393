"""As many file descriptors as are wanted and allowed, half of them for clients at most."""

import json
import subprocess
import sys

import pytest

from cluster_ai.core.descriptors import FEWEST, WANTED, most_clients

PROGRAM = """
import json, resource, sys
from cluster_ai.core.descriptors import raise_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
print(json.dumps([raise_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE)]))
"""


@pytest.mark.parametrize(("soft", "hard", "got"), [(64, 4096, 4096), (256, 256, 256), (1024, 1024, 1024)])
def test_a_process_takes_what_it_may_have(soft: int, hard: int, got: int) -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM, str(soft), str(hard)], check=True, capture_output=True)
    assert json.loads(said.stdout) == [got, got, hard]


def test_clients_leave_half_for_the_nodes() -> None:
    for files in (0, 64, 256, 1024, 20_000, WANTED):
        clients = most_clients(files)
        assert clients >= FEWEST
        assert files < 2 * FEWEST + 64 or 2 * clients < files
