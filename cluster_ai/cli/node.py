"""``cluster-ai node``: who serves models."""

from typing import TYPE_CHECKING

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.again import repeated
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from cluster_ai.views import NodeView

COLUMNS = ("node", "state", "kind", "models", "inflight", "served", "failed", "speed", "ttft", "url")


@click.group(cls=Noun, help=t("node.help"))
def node() -> None:
    pass


@node.command("ls", help=t("node.ls"))
@as_json
@click.option("--watch", is_flag=True, help=t("option.watch"))
def ls(*, as_json: bool, watch: bool) -> None:
    with place.client() as client:

        def look() -> None:
            nodes = client.nodes()
            if as_json:
                show.out_json({"items": [found.model_dump(mode="json") for found in nodes]}, compact=watch)
            else:
                show.table([t(f"column.{name}") for name in COLUMNS], map(_row, nodes))

        repeated(look, watch=watch, clear=not as_json)


@node.command("show", help=t("node.show"))
@click.argument("name", metavar=t("meta.node"))
@as_json
def one(*, name: str, as_json: bool) -> None:
    with place.client() as client:
        found = client.node(name)
    if as_json:
        show.out_json(found.model_dump(mode="json"))
        return
    seen = found.last_seen_seconds
    show.pairs(
        [
            (t("column.node"), found.name),
            (t("column.state"), show.state(found.state)),
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
    heads = [t(f"column.{name}") for name in ("model", "size", "parameters", "quantization", "loaded")]
    show.table(
        heads,
        [
            (m.name, show.size(m.size), m.parameter_size, m.quantization, t("text.yes") if m.loaded else "")
            for m in found.models
        ],
    )


def _row(node: "NodeView") -> tuple[object, ...]:
    return (
        node.name,
        show.state(node.state),
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
