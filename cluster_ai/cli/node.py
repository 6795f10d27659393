"""``cluster-ai node``: who serves models."""

from typing import TYPE_CHECKING

import click

from cluster_ai.cli import agent, at_machine, inviting, machines, node_add, place, power, show
from cluster_ai.cli.again import repeated
from cluster_ai.cli.naming import NODE
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from cluster_ai.client import Client
    from cluster_ai.nodes.views import MachineView
    from cluster_ai.views import NodeView

COLUMNS = ("node", "state", "kind", "models", "inflight", "served", "failed", "speed", "ttft", "url")
FIT = show.fit_of(
    COLUMNS, whole=["node"], spare=("kind", "failed", "served", "ttft", "speed", "inflight", "models", "url")
)
MODELS = ("model", "size", "parameters", "quantization", "loaded")
MODELS_FIT = show.fit_of(MODELS, whole=["model"], spare=("quantization", "parameters", "size", "loaded"))


@click.group(cls=Noun, help=t("node.help"))
def node() -> None:
    pass


for verb in (*node_add.VERBS, agent.join, *inviting.VERBS, *machines.VERBS, *at_machine.VERBS, *power.VERBS):
    node.add_command(verb)


@node.command("ls", help=t("node.ls"))
@as_json
@click.option("--watch", is_flag=True, help=t("option.watch"))
def ls(*, as_json: bool, watch: bool) -> None:
    from cluster_ai.client import machines as calls

    with place.client() as client:

        def look() -> None:
            nodes, joined = client.nodes(), client.send(calls.machines())
            if as_json:
                values = {"items": [found.model_dump(mode="json") for found in nodes]}
                show.out_json(values | {"machines": [one.model_dump(mode="json") for one in joined]}, compact=watch)
                return
            served = {found.name for found in nodes}
            rows = [*map(_row, nodes), *(_silent(one) for one in joined if one.name not in served)]
            show.table([t(f"column.{name}") for name in COLUMNS], rows, fit=FIT)

        repeated(look, watch=watch, clear=not as_json)


@node.command("show", help=t("node.show"))
@click.argument("name", type=NODE, metavar=t("meta.node"))
@as_json
def one(*, name: str, as_json: bool) -> None:
    from cluster_ai.client import machines as calls

    with place.client() as client:
        joined = {row.name: row for row in client.send(calls.machines())}.get(name)
        found = _served(client, name) if joined else client.node(name)
    if as_json:
        values = found.model_dump(mode="json") if found else {}
        show.out_json(values | ({"machine": joined.model_dump(mode="json")} if joined else {}))
        return
    if joined:
        show.pairs([(t("column.node"), joined.name), *machines.rows_of(joined)])
        show.out()
    if found:
        _tell(found)


def _served(client: "Client", name: str) -> "NodeView | None":
    """What the gateway knows of a machine; None while it serves no models."""
    return next((found for found in client.nodes() if found.name == name), None)


def _tell(found: "NodeView") -> None:
    seen = found.last_seen_seconds
    show.pairs(
        [
            (t("column.node"), found.name),
            (t("column.state"), show.state(found.shown_state)),
            (t("column.breaker"), show.state(found.breaker)),
            (t("column.kind"), found.kind),
            (t("column.url"), found.url),
            (t("column.version"), found.version),
            (t("column.inflight"), found.inflight),
            (t("column.served"), found.served),
            (t("column.failed"), found.failed),
            (t("column.speed"), _speed(found)),
            (t("column.ttft"), _ttft(found)),
            (t("column.seen"), "" if seen is None else t("text.ago", age=f"{seen:.1f} s")),
            (t("column.last_error"), found.last_error),
        ]
    )
    show.out()
    show.table(
        [t(f"column.{name}") for name in MODELS],
        [
            (m.name, show.size(m.size), m.parameter_size, m.quantization, t("text.yes") if m.loaded else "")
            for m in found.models
        ],
        fit=MODELS_FIT,
    )


def _silent(machine: "MachineView") -> tuple[object, ...]:
    """A machine that serves no models, or that the gateway does not know (yet)."""
    state = show.state(machines.state_of(machine))
    return (machine.name, state, "machine", 0, "", "", "", "", "", " ".join(machine.addresses[:1]))


def _row(node: "NodeView") -> tuple[object, ...]:
    return (
        node.name,
        show.state(node.shown_state),
        node.kind,
        len(node.models),
        node.inflight,
        node.served,
        node.failed,
        _speed(node),
        _ttft(node),
        node.url,
    )


def _speed(node: "NodeView") -> str:
    return "" if node.tokens_per_second is None else f"{node.tokens_per_second:.1f}"


def _ttft(node: "NodeView") -> str:
    return "" if node.ttft_seconds is None else f"{node.ttft_seconds * 1000:.0f} ms"
