"""``cluster-ai version`` and ``completion``."""

import platform

import click

from cluster_ai import __version__
from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.watching import look_if_any
from cluster_ai.cli.words import t
from cluster_ai.core.errors import NotFound


@click.command(cls=Verb, help=t("version.help"))
@as_json
def version(*, as_json: bool) -> None:
    running = look_if_any(place.home())
    facts = {
        "version": __version__,
        "running": running.version if running else None,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "home": str(place.home().root),
    }
    if as_json:
        show.out_json(facts)
    else:
        show.pairs((t(f"version.{name}"), value) for name, value in facts.items())


@click.command(cls=Verb, help=t("completion.help"))
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(*, shell: str) -> None:
    from click.shell_completion import get_completion_class

    from cluster_ai.cli.root import COMPLETE, NAME, make_root

    found = get_completion_class(shell)
    if found is None:
        raise NotFound(f"no completion for {shell}")
    show.out(found(make_root(), {}, NAME, COMPLETE).source())
