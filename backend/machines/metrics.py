"""Machines of the LAN as Prometheus metrics, read at the moment of the scrape."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from backend.machines.members import Members
from backend.machines.powering import watts_now
from cluster_ai.nodes.fleet import Known
from cluster_ai.nodes.presence import MachineState


def machine_metrics(members: Members) -> Iterator[Metric]:
    """One series for each machine and figure; nothing of a figure that a machine does not tell."""
    present = members.fleet.all()
    yield from _states(present)
    yield from _figures(present, now=members.fleet.clocks.monotonic())
    yield from _power(members)
    until = _gauge("certificate_expiry_seconds", "When a certificate ends, Unix seconds.", "owner")
    until.add_metric(["head"], members.certificate_until)
    for known in present:
        until.add_metric([known.machine.name], known.machine.certificate_until)
    yield until


def _states(present: tuple[Known, ...]) -> Iterator[Metric]:
    up = _gauge("machine_up", "1 while the machine is heard.", "machine")
    door = _gauge("machine_door_open", "1 while the head can open the machine's own door.", "machine")
    for known in present:
        up.add_metric([known.machine.name], float(known.state in {MachineState.HEALTHY, MachineState.SUSPECT}))
        if known.presence is not None and known.presence.reachable is not None:
            door.add_metric([known.machine.name], float(known.presence.reachable))
    yield up
    yield door


def _figures(present: tuple[Known, ...], *, now: float) -> Iterator[Metric]:
    heard = _gauge("machine_heartbeat_age_seconds", "Age of the last heartbeat.", "machine")
    skew = _gauge("machine_clock_skew_seconds", "How far the machine's clock is ahead.", "machine")
    busy = _gauge("machine_busy_ratio", "Processor time in use.", "machine")
    memory = _gauge("machine_memory_used_bytes", "Memory in use.", "machine")
    disk = _gauge("machine_disk_free_bytes", "Free where models lie.", "machine")
    for known in present:
        if (presence := known.presence) is None:
            continue
        name, gauges = [known.machine.name], presence.beat.gauges
        heard.add_metric(name, now - presence.heard_at)
        skew.add_metric(name, presence.skew)
        busy.add_metric(name, gauges.busy)
        memory.add_metric(name, gauges.memory_used)
        disk.add_metric(name, gauges.disk_free)
    yield from (heard, skew, busy, memory, disk)


def _power(members: Members) -> Iterator[Metric]:
    watts = _gauge("machine_watts", "Power drawn, as far as it is measured.", "machine")
    for name, drawn in watts_now(members).items():
        if drawn is not None:
            watts.add_metric([name], drawn)
    yield watts
    energy = CounterMetricFamily(
        "cluster_ai_machine_energy_watt_hours", "Energy that was measured, as far as it is stored.", labels=["machine"]
    )
    for name, ever in sorted(members.energy.ever().items()):
        energy.add_metric([name], ever.watt_hours)
    yield energy


def _gauge(name: str, text: str, label: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"cluster_ai_{name}", text, labels=[label])
