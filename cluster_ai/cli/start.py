"""``cluster-ai up``."""

import os

import click

from cluster_ai.cli.noun import Verb
from cluster_ai.cli.place import VARIABLE, home
from cluster_ai.cli.words import t


@click.command(cls=Verb, help=t("up.help"))
@click.option("--detach", "-d", is_flag=True, help=t("up.detach"))
@click.option("--port-base", type=click.IntRange(1024, 65_000), metavar="N", help=t("up.port_base"))
@click.option("--wait/--no-wait", default=True, help=t("up.wait"))
@click.option("--timeout", type=click.FloatRange(1, 3600), default=300.0, metavar="S", help=t("up.timeout"))
def up(*, detach: bool, port_base: int | None, wait: bool, timeout: float) -> None:
    from cluster_ai.settings import load
    from cluster_ai.supervisor.preflight import refuse_home

    # Before its settings are read: a place that cannot be used has none.
    refuse_home(home())
    if port_base is not None:
        os.environ[VARIABLE] = str(port_base)
    settings = load()
    if detach:
        from cluster_ai.cli.detached import start_detached

        start_detached(settings, wait=wait, seconds=timeout)
    else:
        from cluster_ai.cli.foreground import start_here

        start_here(settings)
