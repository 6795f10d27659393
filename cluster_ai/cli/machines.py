"""Verbs of ``cluster-ai node`` about machines of the LAN: cordoned, drained, woken, removed."""

import sys
import time
from typing import TYPE_CHECKING, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.naming import CHANGE, MACHINE
from cluster_ai.cli.noun import Verb
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput

if TYPE_CHECKING:
    from cluster_ai.nodes.views import MachineView

WHY_NONE: Final = frozenset({"memory", "settings"})
HEARD: Final = frozenset({"healthy", "suspect"})


def _changing(name: str, told: str, **changes: object) -> click.Command:
    @click.command(name, cls=Verb, help=t(f"node.{name}"))
    @click.argument("node", type=MACHINE, metavar=t("meta.node"))
    def verb(*, node: str) -> None:
        from cluster_ai.client import machines

        with place.client() as client:
            client.send(machines.change_machine(node, **changes))
        show.say(t(told, name=show.safe(node)))

    return verb


cordon = _changing("cordon", "node.cordoned", cordoned=True)
uncordon = _changing("uncordon", "node.uncordoned", cordoned=False, draining=False)


@click.command("drain", cls=Verb, help=t("node.drain"))
@click.argument("node", type=MACHINE, metavar=t("meta.node"))
@click.option("--wait/--no-wait", default=True, help=t("node.drain_wait"))
@click.option("--timeout", type=click.FloatRange(min=1), default=300.0, metavar="S", help=t("node.drain_timeout"))
def drain(*, node: str, wait: bool, timeout: float) -> None:
    from cluster_ai.client import machines

    end = time.monotonic() + timeout
    with place.client() as client:
        client.send(machines.change_machine(node, draining=True))
        show.say(t("node.draining", name=show.safe(node)))
        while wait and not (found := client.send(machines.machine(node))).drained:
            if time.monotonic() > end:
                left = "node.not_drained" if found.inflight else "node.workers_left"
                show.say(t(left, name=show.safe(node), count=found.inflight))
                leave(Exit.PARTIAL)
            time.sleep(1.0)
    if wait:
        show.say(t("node.drained", name=show.safe(node)))


@click.command("label", cls=Verb, help=t("node.label"))
@click.argument("node", type=MACHINE, metavar=t("meta.node"))
@click.argument("changes", nargs=-1, required=True, type=CHANGE, metavar=t("meta.label_changes"))
def label(*, node: str, changes: tuple[str, ...]) -> None:
    from cluster_ai.client import machines

    with place.client() as client:
        found = client.send(machines.machine(node))
        gone = {one.removesuffix("-") for one in changes if one.endswith("-")}
        added = [one.removeprefix("+") for one in changes if not one.endswith("-")]
        labels = [one for one in dict.fromkeys((*found.labels, *added)) if one not in gone]
        found = client.send(machines.change_machine(node, labels=labels))
    show.say(t("node.labelled", name=show.safe(node), labels=" ".join(found.labels) or "-"))


@click.command("reboot", cls=Verb, help=t("node.reboot"))
@click.argument("node", type=MACHINE, metavar=t("meta.node"))
@click.option("--yes", is_flag=True, help=t("option.yes"))
def reboot(*, node: str, yes: bool) -> None:
    from cluster_ai.client import machines

    _sure("node.reboot_sure", node, yes=yes)
    with place.client() as client:
        client.send(machines.order_machine(node, "reboot"))
        heard = client.send(machines.machine(node)).state in HEARD
    show.say(t("node.rebooting" if heard else "node.rebooting_later", name=show.safe(node)))


@click.command("wake", cls=Verb, help=t("node.wake"))
@click.argument("node", type=MACHINE, metavar=t("meta.node"))
def wake(*, node: str) -> None:
    from cluster_ai.client import machines

    with place.client() as client:
        client.send(machines.wake_machine(node))
    show.say(t("node.woken", name=show.safe(node)))


@click.command("rm", cls=Verb, help=t("node.rm"))
@click.argument("node", type=MACHINE, metavar=t("meta.node"))
@click.option("--yes", is_flag=True, help=t("option.yes"))
def remove(*, node: str, yes: bool) -> None:
    from cluster_ai.client import machines

    _sure("node.rm_sure", node, yes=yes)
    with place.client() as client:
        client.send(machines.remove_machine(node))
    show.say(t("node.removed", name=show.safe(node)))


def _sure(question: str, name: str, *, yes: bool) -> None:
    """Asks for the name; without a terminal ``--yes`` must say it."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise InvalidInput(t("option.yes_needed"), hint="--yes")
    if click.prompt(t(question, name=show.safe(name)), default="", show_default=False, err=True) != name:
        show.say(t("node.kept"))
        leave(Exit.ERROR)


def rows_of(machine: "MachineView") -> list[tuple[str, object]]:
    """What is known of a machine itself, for ``node show``."""
    made, now = machine.inventory, machine.gauges
    memory = f"{show.size(now.memory_used)} / {show.size(made.memory)}" if made.memory else ""
    gpus = ", ".join(f"{gpu.name or gpu.vendor} {show.size(gpu.memory)}" for gpu in made.gpus)
    heat = "" if now.celsius is None else f"{now.celsius:.0f} °C"
    was_heard = machine.seen_seconds is not None
    return [
        (t("column.machine"), show.state(machine.state)),
        (t("column.wanted"), _wanted(machine)),
        (t("column.labels"), " ".join(machine.labels)),
        (t("column.address"), " ".join(machine.addresses)),
        (t("column.reached"), _reached(machine)),
        (t("column.system"), made.system),
        (t("column.cpu"), f"{made.cpu} ({made.cores}/{made.threads}), {now.busy:.0%}" if was_heard else made.cpu),
        (t("column.memory"), memory),
        (t("column.gpus"), gpus),
        (t("column.workers"), _workers(machine)),
        (t("column.disk"), show.size(now.disk_free) if was_heard else ""),
        (t("column.heat"), heat),
        (t("column.watts"), "" if now.watts is None else f"{now.watts:.0f} W"),
        (t("column.clock"), f"{machine.skew_seconds:+.1f} s" if was_heard else ""),
        (t("column.certificate"), show.at(machine.certificate_until)),
    ]


def state_of(machine: "MachineView") -> str:
    """As a node's is shown: one that is heard and gets no new work is ``draining``."""
    return "draining" if machine.state in HEARD and (machine.cordoned or machine.draining) else machine.state


def _wanted(machine: "MachineView") -> str:
    """What people want of it, and whether that has come about."""
    if machine.draining:
        return t("word.drained" if machine.drained else "word.draining")
    return t("word.cordoned") if machine.cordoned else ""


def why_none(code: str) -> str:
    """Why a machine has no worker of Dask; a code of another version as it is."""
    return t(f"why_none.{code}") if code in WHY_NONE else show.safe(code)


def _workers(machine: "MachineView") -> str:
    """What Dask's workers get there when they are started, or why there are none."""
    if (share := machine.share) is None:
        return ""
    if share.why_none:
        return t("text.no_worker", why=why_none(share.why_none))
    return t("text.workers", count=share.workers, threads=share.threads, memory=show.size(share.memory))


def _reached(machine: "MachineView") -> str:
    if machine.reachable is None:
        return ""
    return t("text.yes") if machine.reachable else machine.unreachable_because


VERBS: Final = (cordon, uncordon, drain, label, reboot, wake, remove)
