"""``cluster-ai ha``: which head leads, where several share a database."""

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.again import repeated
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t


@click.command("ha", cls=Verb, help=t("ha.help"))
@click.option("--watch", is_flag=True, help=t("option.watch"))
@as_json
def ha(*, watch: bool, as_json: bool) -> None:
    with place.client() as client:

        def look() -> None:
            term = client.leader()
            if as_json:
                show.out_json(term.model_dump(mode="json"), compact=watch)
                return
            show.pairs(
                [
                    (t("ha.leads"), term.holder or t("ha.nobody")),
                    (t("ha.since"), "" if term.since is None else show.at(term.since)),
                    (t("ha.epoch"), term.epoch),
                    (t("ha.here"), term.head),
                    (t("ha.mode"), term.mode.value),
                    (t("ha.refused"), term.refused),
                ]
            )
            show.say(t("ha.this") if term.leads else t("ha.other"))

        repeated(look, watch=watch, clear=not as_json)
