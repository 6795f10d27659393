"""``cluster-ai down`` and ``restart``."""

import asyncio
import time

import click

from cluster_ai.cli import place, progress
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Verb
from cluster_ai.cli.show import say
from cluster_ai.cli.watching import DidNotCome, look, until
from cluster_ai.cli.words import t


@click.command(cls=Verb, help=t("down.help"))
def down() -> None:
    _end()


@click.command(cls=Verb, help=t("restart.help"))
@click.argument("part", required=False, metavar=t("meta.part_optional"))
@click.option("--timeout", type=click.FloatRange(1, 3600), default=300.0, metavar="S", help=t("up.timeout"))
def restart(*, part: str | None, timeout: float) -> None:
    if part is not None:
        _restart_part(part, timeout)
        return
    # Read while it runs: its ports are those that it comes back on.
    settings = place.settings()
    _end()
    from cluster_ai.cli import detached

    detached.start_detached(settings, wait=True, seconds=timeout)


def _end() -> None:
    from cluster_ai.cli import ending

    began = time.monotonic()
    if ending.end(place.home()):
        say(t("down.done", seconds=f"{time.monotonic() - began:.1f}"))
    else:
        say(t("down.nothing", home=place.home().root))


def _restart_part(name: str, seconds: float) -> None:
    from cluster_ai.core.errors import NotFound
    from cluster_ai.supervisor.control import Control

    home = place.home()
    before = {part.name: part for part in look(home).parts}
    if name not in before:
        raise NotFound(f"no part is called {name}", hint=", ".join(before))
    asyncio.run(Control(home).restart(name))
    try:
        view = until(
            home,
            lambda view: any(
                part.name == name and part.state == "ready" and part.pid != before[name].pid for part in view.parts
            ),
            seconds=seconds,
            is_failed=lambda part: part.name == name and part.pid != before[name].pid,
        )
    except DidNotCome as exc:
        found = [part for part in (exc.view.parts if exc.view else ()) if part.name == name]
        say(t("up.part_failed", part=name, why=progress.described(found[0]) if found else "?"))
        leave(Exit.DEGRADED)
    pid = next(part.pid for part in view.parts if part.name == name)
    say(t("restart.done", part=name, pid=pid))
