"""Verbs of ``cluster-ai node`` that a machine answers itself: its logs, commands run there, another version."""

import sys
import time
from typing import TYPE_CHECKING, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.logs import Look
from cluster_ai.cli.naming import MACHINE
from cluster_ai.cli.noun import Verb
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from cluster_ai.client import Client
    from cluster_ai.nodes.views import MachineView

LOOK_SECONDS: Final = 1.0


@click.command("logs", cls=Verb, help=t("node.logs"))
@click.argument("node", type=MACHINE, metavar=t("meta.node"))
@click.argument("part", required=False, default="", metavar=t("meta.part_optional"))
@click.option("-f", "--follow", is_flag=True, help=t("logs.follow"))
@click.option("-n", "--lines", type=click.IntRange(min=0, max=10_000), default=20, metavar="N", help=t("logs.lines"))
@click.option("--raw", is_flag=True, help=t("logs.raw"))
def logs(*, node: str, part: str, follow: bool, lines: int, raw: bool) -> None:
    from cluster_ai.client import machines

    look = Look(raw=raw or not show.is_terminal(), named=not part)
    with (
        place.client() as client,
        client.lines(machines.machine_logs(node, part=part, lines=lines, follow=follow)) as records,
    ):
        for record in records:
            look.print(str(record.get("part", "")), str(record.get("line", "")))


@click.command(
    "exec", cls=Verb, help=t("node.exec"), context_settings={"ignore_unknown_options": True},
)  # fmt: skip
@click.argument("node", type=MACHINE, metavar=t("meta.node"))
@click.option("--timeout", type=click.FloatRange(min=1, max=3600), default=60.0, metavar="S", help=t("node.exec_time"))
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED, metavar=t("meta.command"))
def execute(*, node: str, timeout: float, argv: tuple[str, ...]) -> None:
    from cluster_ai.client import machines

    code = 1
    with place.client() as client, client.lines(machines.machine_exec(node, argv, seconds=timeout)) as records:
        for record in records:
            if "out" in record:
                show.out(show.safe(record["out"], keep="\n\t"), newline=False)
            elif "err" in record:
                show.say(show.safe(record["err"], keep="\n\t"), newline=False)
            else:
                code = int(record.get("exit") or 0)
    sys.stdout.flush()
    if code:
        leave(code if 0 < code < 256 else Exit.ERROR)  # noqa: PLR2004 - what a process can end with


@click.command("upgrade", cls=Verb, help=t("node.upgrade"))
@click.argument("nodes", nargs=-1, type=MACHINE, metavar=t("meta.nodes"))
@click.option("--all", "everyone", is_flag=True, help=t("node.upgrade_all"))
@click.option("--timeout", type=click.FloatRange(min=1), default=900.0, metavar="S", help=t("node.upgrade_time"))
def upgrade(*, nodes: tuple[str, ...], everyone: bool, timeout: float) -> None:
    from cluster_ai.client import machines

    with place.client() as client:
        chosen = nodes or (tuple(one.name for one in client.send(machines.machines())) if everyone else ())
        if not chosen:
            raise click.UsageError(t("node.upgrade_whom"))
        failed = [name for name in chosen if not _upgraded(client, name, timeout)]
    if failed:
        show.say(t("node.upgrade_failed", names=", ".join(failed)))
        leave(Exit.PARTIAL if len(failed) < len(chosen) else Exit.ERROR)


def _upgraded(client: "Client", name: str, timeout: float) -> bool:
    """One machine after the other: nobody is left without models because all of them restart at once."""
    from cluster_ai.client import machines

    order = client.send(machines.order_machine(name, "upgrade"))
    show.say(t("node.upgrading", name=show.safe(name)))
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        machine = client.send(machines.machine(name))
        if not any(one.id == order.id for one in machine.orders):
            return _told(name, machine, client, order.id)
        time.sleep(LOOK_SECONDS)
    show.say(t("node.upgrade_slow", name=show.safe(name)))
    return False


def _told(name: str, machine: "MachineView", client: "Client", order: str) -> bool:
    from cluster_ai.client import machines

    error = next((one.error for one in client.send(machines.machine_orders(name)) if one.id == order), "")
    if error:
        show.say(t("node.not_upgraded", name=show.safe(name), why=show.safe(error)))
        return False
    show.say(t("node.upgraded", name=show.safe(name), version=show.safe(machine.version)))
    return True


VERBS: Final = (logs, execute, upgrade)
