"""What ``cluster-ai doctor`` says of machines: certificates that end, doors that do not open, clocks that differ."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from cluster_ai.cli.findings import Check, Verdict, failed
from cluster_ai.cli.words import t
from cluster_ai.core.errors import ClusterError

if TYPE_CHECKING:
    from cluster_ai.nodes.views import MachineView
    from cluster_ai.settings import Settings

DAY: Final = 86_400.0
SOON_DAYS: Final = 14.0
"""A certificate is renewed long before; one that ends so soon has not been."""
FINE_SKEW: Final = 60.0


def check_certificate(settings: "Settings") -> Iterator[Check]:
    """This box's own, where it has one."""
    from cluster_ai.pki.store import Store

    if not settings.machines.bind and not settings.agent.has_joined:
        return
    try:
        until = Store(settings.paths.tls).life().not_after
    except ClusterError as exc:
        yield failed("certificate", exc, code="certificate_unreadable", command="cluster-ai tls renew")
        return
    yield _certificate("certificate", until, "cluster-ai tls renew" if settings.machines.bind else "cluster-ai restart")


def check_machines(settings: "Settings") -> Iterator[Check]:
    """Every machine that has joined, as the head sees it."""
    from cluster_ai.client import Client, machines

    if settings.agent.has_joined:
        return
    try:
        with Client.local(settings) as client:
            found = client.send(machines.machines())
    except ClusterError as exc:
        yield failed("machines", exc, code="machines_unseen")
        return
    for machine in found:
        yield _machine(machine)
        yield _certificate(
            f"certificate.{machine.name}", machine.certificate_until, f"cluster-ai node show {machine.name}"
        )


def _certificate(check: str, until: float, hint: str) -> Check:
    days = (until - time.time()) / DAY
    verdict = Verdict.OK if days > SOON_DAYS else Verdict.WARNING if days > 0 else Verdict.PROBLEM
    seen = t("diag.certificate", days=f"{days:.0f}")
    return (
        Check(check, verdict, seen)
        if verdict is Verdict.OK
        else Check(check, verdict, seen, hint, "certificate_ends", hint)
    )


def _machine(machine: "MachineView") -> Check:
    name = f"machine.{machine.name}"
    if machine.state in {"away", "never"}:
        wake = f"cluster-ai node wake {machine.name}"
        hint = t("diag.away", wake=wake)
        return Check(name, Verdict.WARNING, t(f"word.{machine.state}"), hint, "machine_away", wake)
    if machine.reachable is False:
        seen = t("diag.door_closed", why=machine.unreachable_because)
        return Check(name, Verdict.PROBLEM, seen, t("diag.open_port", port=machine.port), "machine_closed")
    if abs(machine.skew_seconds) > FINE_SKEW:
        seen = t("diag.skew", seconds=f"{machine.skew_seconds:+.0f}")
        return Check(name, Verdict.WARNING, seen, t("diag.set_clock"), "machine_clock")
    return Check(name, Verdict.OK, t(f"word.{machine.state}"))
