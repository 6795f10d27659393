"""The cluster as a tree: the head, what hangs on it, and how each link is. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cluster_ai.client import plain
from cluster_ai.compute.types import WorkerView
from cluster_ai.nodes.views import MachineView
from cluster_ai.tui.drawing import branch
from cluster_ai.tui.figures import NONE
from cluster_ai.tui.rows import Cell, Column, Row, Wording, shown_name, state_cell
from cluster_ai.views import NodeView, OverviewView

TOPOLOGY_COLUMNS: Final = (Column("tree"), Column("state"), Column("traffic"), Column("address"))
_UP: Final = frozenset({"healthy", "ready", "draining"})
_MACHINE_STATES: Final = {"never": "unknown", "away": "down"}
"""As nodes have the same states."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One thing of the tree."""

    key: str
    name: str
    state: str
    traffic: str = ""
    address: str = ""


def topology_rows(overview: OverviewView, machines: Sequence[MachineView] | None, words: Wording) -> list[Row]:
    """From the head down. ``machines`` is None while they are not known."""
    host = overview.system.host
    head = Leaf("head", host.hostname or overview.system.name, "healthy", _parts(overview, words), "")
    groups = [
        (_gateway(overview, words), [_node(node, words) for node in overview.nodes]),
        (_scheduler(overview, words), [_worker(worker, words) for worker in overview.compute.workers]),
    ]
    if machines is not None:
        count = words.t("tree.machines", count=len(machines))
        groups.append((Leaf("machines", count, "healthy"), [_machine(one, words) for one in machines]))
    return [_row(head, "", words), *_below(groups, words)]


def _below(groups: list[tuple[Leaf, list[Leaf]]], words: Wording) -> Iterator[Row]:
    for top, leaves in groups:
        last = top is groups[-1][0]
        yield _row(top, branch(is_last=last, is_up=top.state in _UP), words)
        for leaf in leaves:
            way = branch(is_last=leaf is leaves[-1], is_up=leaf.state in _UP, below_last=last)
            yield _row(leaf, way, words)


def _row(leaf: Leaf, way: str, words: Wording) -> Row:
    address = plain(leaf.address) or NONE
    name = Cell(f"{way}{shown_name(leaf.name)}", leaf.name)
    cells = (name, state_cell(leaf.state, words), Cell(leaf.traffic, leaf.traffic), Cell(address, address))
    return Row(leaf.key, cells)


def _parts(overview: OverviewView, words: Wording) -> str:
    parts = overview.system.parts
    return words.t("tree.parts", up=sum(part.state == "ready" for part in parts), total=len(parts))


def _gateway(overview: OverviewView, words: Wording) -> Leaf:
    state = "ready" if overview.gateway_reachable else "down"
    rate = words.t("tree.requests", rate=words.figures.rate(overview.rates.requests_per_second))
    return Leaf("gateway", words.t("tree.gateway"), state, rate, overview.system.endpoints.gateway)


def _scheduler(overview: OverviewView, words: Wording) -> Leaf:
    compute = overview.compute
    tasks = sum(group.processing for group in compute.tasks)
    running = words.t("tree.tasks", count=words.figures.number(tasks))
    state = "ready" if compute.reachable else "down"
    return Leaf("scheduler", words.t("tree.scheduler"), state, running, compute.address)


def _node(node: NodeView, words: Wording) -> Leaf:
    f = words.figures
    flow = words.t("tree.flow", inflight=f.number(node.inflight), speed=f.rate(node.tokens_per_second))
    return Leaf(f"node {node.name}", node.name, node.shown_state, flow, node.url)


def _worker(worker: WorkerView, words: Wording) -> Leaf:
    state = "waiting" if worker.paused else "ready"
    running = words.t("tree.tasks", count=words.figures.number(worker.executing))
    return Leaf(f"worker {worker.address or worker.name}", worker.name, state, running, worker.address)


def _machine(machine: MachineView, words: Wording) -> Leaf:
    state = "draining" if machine.draining else _MACHINE_STATES.get(machine.state.value, machine.state.value)
    seen = words.t("tree.seen", age=words.figures.age(machine.seen_seconds))
    return Leaf(f"machine {machine.id}", machine.name, state, seen, ", ".join(machine.addresses))
