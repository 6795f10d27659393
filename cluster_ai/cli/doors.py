"""Other ways in: the browser, the terminal interface, one part alone."""

import os
import sys
from pathlib import Path

import click

import cluster_ai
from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Verb
from cluster_ai.cli.watching import look
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput, NotFound


@click.command("open", cls=Verb, help=t("open.help"))
def open_dashboard() -> None:
    import webbrowser

    url = next((part.url for part in look(place.home()).parts if part.name == "backend"), "")
    show.out(url)
    # Without a screen the library would start a text browser in this terminal.
    if (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) and not webbrowser.open(url):
        show.say(t("open.no_browser"))


@click.command(
    cls=Verb,
    help=t("tui.help"),
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS]")
def tui(*, words: tuple[str, ...]) -> None:
    # It takes the ports of the running cluster from the environment.
    place.recall(place.home(), os.environ)
    if not {"-h", "--help"} & set(words) and not (sys.stdin.isatty() and show.is_terminal()):
        raise InvalidInput(t("tui.no_terminal"), hint="cluster-ai status")
    # In this process's place: what the command line imported would stay as long as somebody watches.
    _become(sys.executable, "-P", "-m", "cluster_ai.tui", *words)


@click.command(cls=Verb, help=t("serve.help"))
@click.argument("part", metavar=t("meta.part"))
@click.argument("number", required=False, type=click.IntRange(0, 15), metavar="[N]")
def serve(*, part: str, number: int | None) -> None:
    from cluster_ai.parts import serve_argv

    name = f"{part}-{number or 0}" if part == "worker" else part
    if name.partition("-")[0] not in {"scheduler", "worker", "node", "gateway", "backend"}:
        values = {"about": "part", "name": part}
        raise NotFound(f"no part is called {part}", hint="scheduler, worker N, node, gateway, backend", values=values)
    _become(*serve_argv(name))


def _become(*argv: str) -> None:
    """Never returns: another program of ours takes this process's place."""
    code = str(Path(cluster_ai.__file__).parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (code, os.environ.get("PYTHONPATH", ""))))
    os.execv(argv[0], argv)  # noqa: S606 - our own argv
