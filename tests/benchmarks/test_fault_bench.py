"""The fault bench judges answers as it says, and runs on the real gateway."""

import argparse
import asyncio
from pathlib import Path

import pytest

from benchmarks.gateway_faults import MODEL, NODES, RATE, TOKENS, Cell, best_spread, measure, target
from benchmarks.peers.adapters import PEERS
from benchmarks.rig.client import Got
from tests.fakes.fleet import Fleet


@pytest.mark.parametrize(
    ("got", "good"),
    [
        (Got(status=200, text="all", ended=True), True),
        (Got(status=200, text="al", ended=True), False),
        (Got(status=200, text="all"), False),
        (Got(status=200, text="all", ended=True, broken="error in the answer"), False),
        (Got(status=503, text="all", ended=True), False),
    ],
)
def test_an_answer_is_good_only_when_all_of_it_came_and_ended_well(got: Got, *, good: bool) -> None:
    cell = Cell()
    cell.add(got, "all")
    assert (cell.good, cell.asked) == (int(good), 1)
    assert bool(cell.seen) is not good


@pytest.mark.parametrize(
    ("slots", "warm_nodes", "seconds"), [(4, 3, 1.0), (1, 3, 4.0), (4, 1, 3.0), (1, 1, 6.0), (100, 1, 1.0)]
)
def test_the_best_spread_of_streams_is_found_by_trying_all(slots: int, warm_nodes: int, seconds: float) -> None:
    assert best_spread(slots, warm_nodes) == seconds


@pytest.mark.parametrize("name", PEERS)
def test_a_peers_command_names_its_port_and_every_node(name: str, tmp_path: Path) -> None:
    nodes = [f"http://127.0.0.1:{port}" for port in (1111, 2222, 3333)]
    runs = PEERS[name].runs(Path("/place"), tmp_path, 4444, nodes)
    written = "".join(path.read_text() for path in tmp_path.iterdir())
    said = written + " ".join(word for run in runs for word in run.arguments)
    assert all(wanted in said for wanted in ("1111", "2222", "3333", "4444"))
    assert all(run.arguments[0].startswith("/place/") for run in runs)


@pytest.mark.real
def test_a_cell_on_the_real_gateway() -> None:
    wanted = argparse.Namespace(count=2, rounds=1, faults=["HTTP 500"])
    nodes = Fleet(NODES, models=[MODEL], answer_tokens=TOKENS, rate=RATE)
    with nodes as fleet, target("cluster-ai", None, fleet) as started:
        found = asyncio.run(measure(started, fleet, wanted))
    cells = found["cells"]["HTTP 500"]
    assert cells["streamed"]["good"] == cells["whole"]["good"] == 2
