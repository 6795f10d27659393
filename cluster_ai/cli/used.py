"""``cluster-ai usage``: what was used, by whom, of which model, where and when."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from cluster_ai.keys.types import UsageBy

DAY = click.DateTime(["%Y-%m-%d"])

NOBODY = ("key", "user", "model", "node")
"""What a call may have been without: one that was refused has no node, and one of nobody has no key."""


@click.command("usage", cls=Verb, help=t("used.help"))
@click.option(
    "--by",
    type=click.Choice(["key", "user", "model", "node", "day"]),
    default="model",
    show_default=True,
    help=t("used.by"),
)
@click.option("--from", "first", type=DAY, metavar=t("meta.day"), help=t("used.from"))
@click.option("--to", "last", type=DAY, metavar=t("meta.day"), help=t("used.to"))
@click.option("--key", "which", metavar=t("meta.key"), help=t("used.key"))
@as_json  # fmt: skip
def usage(
    *, by: "UsageBy", first: datetime | None, last: datetime | None, which: str | None, as_json: bool
) -> None:  # fmt: skip
    from cluster_ai.client import keyring

    with place.client() as client:
        key = ""
        if which is not None:
            from cluster_ai.cli.key import named

            key = named(client.send(keyring.keys()), which).id
        rows = client.send(keyring.usage(by, first=_day(first), last=_day(last), key=key))
    if as_json:
        show.out_json({"by": by, "items": [row.model_dump(mode="json") for row in rows]})
        return
    heads = [t(f"column.{name}") for name in (by, "requests", "errors", "prompt_tokens", "output_tokens")]
    nobody = t(f"used.without.{by}") if by in NOBODY else ""
    show.table(
        heads,
        [(row.name or nobody, row.requests, row.errors, row.prompt_tokens, row.output_tokens) for row in rows],
    )


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d}"
