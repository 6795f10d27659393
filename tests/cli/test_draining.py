"""A node that gets no new calls says so wherever it is shown, and whoever looks for the verb is told how it is done."""

import click
import pytest

from cluster_ai.cli import node
from cluster_ai.cli.root import run
from cluster_ai.gateway.types import UpstreamState
from cluster_ai.tui.figures import Figures
from cluster_ai.tui.rows import Wording, node_row
from cluster_ai.views import NodeView


def drained(state: UpstreamState) -> NodeView:
    return NodeView(name="n", url="http://n:1", kind="ollama", state=state, breaker="closed", draining=True)


def test_a_draining_node_is_shown_as_such() -> None:
    assert drained(UpstreamState.HEALTHY).shown_state == "draining"
    assert drained(UpstreamState.SUSPECT).shown_state == "draining"
    assert click.unstyle(str(node._row(drained(UpstreamState.HEALTHY))[1])) == "draining"
    words = Wording(lambda key, **_: key, Figures("en"))
    assert node_row(drained(UpstreamState.HEALTHY), words).cells[1].text.endswith("state.draining")


def test_one_that_is_down_is_down_first_of_all() -> None:
    assert drained(UpstreamState.DOWN).shown_state == "down"


def test_the_state_that_programs_read_is_as_it_was() -> None:
    said = drained(UpstreamState.HEALTHY).model_dump(mode="json")
    assert (said["state"], said["draining"]) == ("healthy", True)
    assert "shown_state" not in said


def test_whoever_looks_for_drain_finds_the_way_for_nodes_of_the_configuration_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["node", "drain", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "uncordon" in said
    assert "drain = true" in said
    assert "reload" in said
