"""``cluster-ai firewall``: who reaches which port of this head, by the kernel's packet filter."""

from typing import TYPE_CHECKING

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import Conflict

if TYPE_CHECKING:
    from cluster_ai.firewall.kernel import InForce
    from cluster_ai.firewall.rules import Policy

LEAST, USUAL, MOST = 5, 60, 3600


@click.group("firewall", cls=Noun, help=t("firewall.help"))
def firewall() -> None:
    pass


@firewall.command("apply", help=t("firewall.apply"))
@click.option("--from", "networks", multiple=True, metavar=t("meta.network"), help=t("firewall.from"))
@click.option(
    "--seconds", type=click.IntRange(LEAST, MOST), default=USUAL, show_default=True, metavar="S",
    help=t("firewall.seconds"),
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help=t("firewall.dry_run"))
def apply(*, networks: tuple[str, ...], seconds: int, dry_run: bool) -> None:
    from cluster_ai.firewall.kernel import Filter

    policy = _policy(networks)
    if dry_run:
        show.out(Filter().check(policy).rstrip())
        if other := Filter().beside():
            show.say(t("firewall.beside_plan", name=other.name))
            for command in other.commands(policy):
                show.out(command)
        return
    _tell(Filter().try_out(policy, seconds=seconds))
    show.say(t("firewall.applied", seconds=seconds))


@firewall.command("confirm", help=t("firewall.confirm"))
def confirm() -> None:
    from cluster_ai.firewall.kernel import Filter

    found = Filter()
    found.confirm()
    show.say(t("firewall.confirmed") if found.boot.is_kept() else t("firewall.confirmed_until_boot"))


@firewall.command("show", help=t("firewall.show"))
@as_json
def one(*, as_json: bool) -> None:
    from cluster_ai.firewall.kernel import Filter

    found = Filter()
    now, kept, other = found.in_force(), found.boot.is_kept(), found.beside()
    opened = other.opened() if other else ()
    if as_json:
        tried = now.tried if now.seconds else ()
        show.out_json({"standing": now.standing, "tried": tried, "seconds": now.seconds, "kept": kept,
                       "beside": other.name if other else "", "opened": opened})  # fmt: skip
        return
    _tell(now)
    if other:
        show.say(t("firewall.beside", name=other.name))
        for rule in opened:
            show.out(f"{other.name}  {show.safe(rule)}")
    if kept:
        show.say(t("firewall.boots"))


@firewall.command("remove", help=t("firewall.remove"))
def remove() -> None:
    from cluster_ai.firewall.kernel import Filter

    Filter().remove()
    show.say(t("firewall.removed"))


def _tell(now: "InForce") -> None:
    if not now.standing and not now.seconds:
        show.say(t("firewall.none"))
    for rule in now.standing:
        show.out(f"{t('firewall.standing')}  {show.safe(rule)}")
    for rule in now.tried if now.seconds else ():
        show.out(f"{t('firewall.tried')}  {show.safe(rule)}")
    if now.seconds:
        show.say(t("firewall.left", seconds=f"{now.seconds:.0f}"))


def _policy(networks: tuple[str, ...]) -> "Policy":
    """Of this head and the machines that have joined."""
    from cluster_ai.client import machines
    from cluster_ai.firewall.rules import Policy
    from cluster_ai.settings import MAX_WORKERS

    settings = place.settings()
    if settings.agent.has_joined:
        raise Conflict(t("firewall.elsewhere"), hint="cluster-ai agent show")
    with place.client() as client:
        joined = client.send(machines.machines())
    ports = settings.effective_ports
    inside = (ports.node, ports.scheduler, ports.dask_dashboard, ports.agent)
    doors = (ports.backend, ports.gateway, ports.machines, ports.grpc)
    return Policy(
        members=tuple(address for machine in joined for address in machine.addresses),
        inside=(*((port, port) for port in inside), (ports.workers, ports.nanny(MAX_WORKERS - 1))),
        doors=tuple((port, port) for port in doors),
        networks=networks,
    )
