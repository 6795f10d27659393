"""``cluster-ai agent``: this machine as one of somebody else's cluster."""

import sys
from pathlib import Path

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import Conflict, InvalidInput


@click.group("agent", cls=Noun, help=t("agent.help"))
def agent() -> None:
    pass


@agent.command("join", help=t("agent.join"))
@click.option("--line-file", type=click.Path(dir_okay=False), default="-", metavar=t("meta.file"), help=t("agent.line"))
@click.option("--bind", default="", metavar=t("meta.address"), help=t("agent.bind"))
@click.option("--name", default="", metavar=t("meta.name"), help=t("agent.name"))
@click.option("--label", "labels", multiple=True, metavar=t("meta.label"), help=t("agent.label"))
@as_json
def join(*, line_file: str, bind: str, name: str, labels: tuple[str, ...], as_json: bool) -> None:
    import asyncio

    from cluster_ai.cli.entering import entered
    from cluster_ai.nodes.lines import parse_line

    line = parse_line(_text(line_file))
    settings = place.settings()
    settings.paths.make()
    reply = asyncio.run(entered(settings, line, name=name, bind=bind, labels=labels))
    if as_json:
        show.out_json(
            {"node_id": reply.node_id, "name": reply.name, "cluster": reply.cluster, "heads": list(reply.heads),
             "skew_seconds": reply.skew_seconds}
        )  # fmt: skip
        return
    show.say(t("agent.joined", cluster=show.safe(reply.cluster), name=show.safe(reply.name)))
    if abs(reply.skew_seconds) > 60:  # noqa: PLR2004 - a minute, as the text says
        show.say(t("agent.skew", seconds=f"{reply.skew_seconds:+.0f}"))


@agent.command("leave", help=t("agent.leave"))
@click.option("--yes", is_flag=True, help=t("option.yes"))
def leave_cluster(*, yes: bool) -> None:
    from cluster_ai.node_agent.leaving import leave_behind

    home = place.home()
    if not home.membership.exists():
        raise Conflict(t("agent.alone"), hint="cluster-ai agent join")
    if not yes and not sys.stdin.isatty():
        raise InvalidInput(t("option.yes_needed"), hint="--yes")
    if not yes and not click.confirm(t("agent.leave_sure"), err=True):
        return
    leave_behind(home)
    show.say(t("agent.left"))


@agent.command("show", help=t("agent.show"))
@as_json
def one(*, as_json: bool) -> None:
    from cluster_ai.pki.store import Store

    settings = place.settings()
    if not settings.agent.has_joined:
        raise Conflict(t("agent.alone"), hint="cluster-ai agent join")
    life = Store(settings.paths.tls).life()
    values = settings.agent.model_dump(mode="json") | {"certificate_until": life.not_after}
    if as_json:
        show.out_json(values)
        return
    until = show.at(life.not_after)
    show.pairs(
        [
            (t("column.node"), settings.agent.name),
            (t("column.url"), " ".join(map(str, settings.agent.head))),
            (t("column.address"), settings.agent.bind),
            (t("column.certificate"), until),
        ]
    )


def _text(file: str) -> str:
    if file == "-":
        if sys.stdin.isatty():
            show.say(t("agent.paste"))
        return sys.stdin.readline()
    try:
        return Path(file).read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidInput(t("auth.unreadable", file=show.safe(file)), hint=str(exc)) from exc
