"""``cluster-ai metrics``: what the parts of this head measure, as Prometheus would be told it."""

import math
from typing import Any, Final

import click

from cluster_ai.cli import measured, place, show
from cluster_ai.cli.again import repeated
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import NotFound

PARTS: Final = ("backend", "gateway", "node")
COLUMNS: Final = ("part", "metric", "labels", "value")
FIT: Final = show.fit_of(COLUMNS, whole=["metric", "value"], spare=("part", "labels"))
FINE: Final = ("_bucket", "_created")
"""Endings of rows that programs read and people do not."""


@click.command("metrics", cls=Verb, help=t("metrics.help"))
@click.argument("texts", nargs=-1, metavar=t("meta.texts"))
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, help=t("metrics.part"))
@click.option("--all", "everything", is_flag=True, help=t("metrics.all"))
@click.option("--raw", is_flag=True, help=t("metrics.raw"))
@click.option("--watch", is_flag=True, help=t("option.watch"))
@as_json
def metrics(*, texts: tuple[str, ...], parts: tuple[str, ...], watch: bool, as_json: bool, **how: bool) -> None:
    settings = place.settings()
    where = measured.addresses(settings)
    if missing := [part for part in parts if part not in where]:
        raise NotFound(t("metrics.no_part", part=missing[0]), hint="cluster-ai status")
    asked = {part: url for part, url in where.items() if part in (parts or where)}

    def look() -> None:
        pages = measured.read(settings, asked)
        if how["raw"]:
            show.out("".join(show.safe(page, keep="\n") for page in pages.values()), newline=False)
        else:
            rows = [row for part, page in pages.items() for row in measured.rows(part, page)]
            wanted = [row for row in rows if how["everything"] or not row["name"].endswith(FINE)]
            _tell([row for row in wanted if _is_meant(row["name"], texts)], as_json=as_json, compact=watch)
        if not watch and len(pages) < len(asked):
            leave(Exit.PARTIAL)

    repeated(look, watch=watch, clear=not (as_json or how["raw"]))


def _is_meant(name: str, texts: tuple[str, ...]) -> bool:
    return not texts or any(text.lower() in name.lower() for text in texts)


def _tell(rows: list[dict[str, Any]], *, as_json: bool, compact: bool) -> None:
    if as_json:
        # JSON has no word for what is no number.
        told = [row | {"value": row["value"] if math.isfinite(row["value"]) else None} for row in rows]
        show.out_json({"items": told}, compact=compact)
        return
    show.table([t(f"column.{name}") for name in COLUMNS], map(_row, rows), fit=FIT)


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    labels = ", ".join(f"{name}={value}" for name, value in row["labels"].items())
    return row["part"], row["name"], labels, f"{row['value']:.12g}"
