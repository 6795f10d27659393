"""``cluster-ai down`` and ``restart``."""

import time

import click

from cluster_ai.cli import place
from cluster_ai.cli.noun import Verb
from cluster_ai.cli.show import say
from cluster_ai.cli.words import t


@click.command(cls=Verb, help=t("down.help"))
def down() -> None:
    _end(stay=True)


@click.command(cls=Verb, help=t("restart.help"))
@click.argument("part", required=False, metavar=t("meta.part_optional"))
@click.option("--timeout", type=click.FloatRange(1, 3600), default=300.0, metavar="S", help=t("up.timeout"))
def restart(*, part: str | None, timeout: float) -> None:
    if part is not None:
        from cluster_ai.cli.restarting import restart_part

        restart_part(part, timeout)
        return
    # Read while it runs: its ports are those that it comes back on.
    settings = place.settings()
    _end(stay=False)
    from cluster_ai.cli import detached

    detached.start_detached(settings, wait=True, seconds=timeout)


def _end(*, stay: bool) -> None:
    from cluster_ai.cli import kept

    began = time.monotonic()
    if kept.end(place.home(), stay=stay):
        say(t("down.done", seconds=f"{time.monotonic() - began:.1f}"))
    else:
        say(t("down.nothing", home=place.home().root))
    if stay and kept.runner(place.home()):
        say(t("down.stays"))
