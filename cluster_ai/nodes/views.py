"""Machines and join lines as every surface shows them. Pure. Times in Unix seconds, ages in seconds."""

from cluster_ai.core.wire import Count, View
from cluster_ai.nodes.inventory import Gauges, Inventory
from cluster_ai.nodes.presence import MachineState
from cluster_ai.nodes.types import LocalModel, LocalService, WorkerShare


class InvitationView(View):
    """A join line without its secret. ``state``: open, used, expired or revoked."""

    id: str
    state: str
    made_at: float
    made_by: str
    expires_at: float
    labels: tuple[str, ...] = ()
    used_at: float | None = None
    used_by: str = ""


class MadeInvitation(View):
    """A new join line, told this once. ``command`` is what to type on the machine."""

    invitation: InvitationView
    line: str
    command: str
    qr: str
    """The line as a QR code, SVG."""


class OrderView(View):
    id: str
    verb: str
    argument: str
    given_at: float
    given_by: str
    done_at: float | None = None
    error: str = ""


class ServingNode(View):
    """A machine as the gateway needs it: where its door is, and what people want of it."""

    name: str
    node_id: str
    addresses: tuple[str, ...]
    port: int
    labels: tuple[str, ...] = ()
    drain: bool = False
    wakes: bool = False
    """It can be woken by a magic packet."""


class Serving(View):
    """All machines that serve models. ``version`` changes whenever any of it does."""

    version: str
    nodes: tuple[ServingNode, ...] = ()


class EnergyView(View):
    """Energy that was measured, and what it yielded. There is none of machines that do not tell what they draw."""

    watt_hours: float = 0.0
    measured_seconds: float = 0.0
    """Time that it covers, of all machines together; of the rest nothing is known, and nothing is counted."""
    cost: float | None = None
    """In the configured currency, by the price that is set now; None without a price."""
    output_tokens: Count = 0
    """Of answers, on the machines and days of which energy is known; of such a day all of them."""
    tokens_per_watt_hour: float | None = None
    cost_of_a_million: float | None = None
    """What a million tokens of answers cost; None without a price, or without tokens."""


class MachinePower(View):
    """A machine's part."""

    machine: str
    watts: float | None = None
    """Now; None when it does not tell, or is not heard."""
    energy: EnergyView


class DayPower(View):
    """A day's part. Days are UTC."""

    day: str
    energy: EnergyView


class PowerView(View):
    """What machines drew from one day to another, both with. ``price_per_kwh`` in ``currency``."""

    first: str
    last: str
    price_per_kwh: float | None = None
    currency: str = ""
    """Empty without a price."""
    watts: float | None = None
    """Drawn now by all machines that tell; None when none does."""
    today: EnergyView = EnergyView()
    """Whatever the days that were asked for."""
    total: EnergyView = EnergyView()
    machines: tuple[MachinePower, ...] = ()
    """By name: those that tell now, and those that did in these days."""
    days: tuple[DayPower, ...] = ()
    """In order; days of which nothing is known are left out."""
    untold: tuple[str, ...] = ()
    """Machines that are heard now and do not tell what they draw: nothing of theirs is in any sum."""


class MachineView(View):
    """A machine that has joined, as it was last heard."""

    id: str
    name: str
    state: MachineState
    labels: tuple[str, ...] = ()
    cordoned: bool = False
    draining: bool = False
    drained: bool = False
    """It drains, and nothing of ours works there any more."""
    addresses: tuple[str, ...] = ()
    port: int
    joined_at: float
    joined_by: str
    seen_seconds: float | None = None
    """Age of the last heartbeat; None when there was none since the head started."""
    last_seen_at: float = 0.0
    skew_seconds: float = 0.0
    reachable: bool | None = None
    unreachable_because: str = ""
    certificate_until: float
    version: str = ""
    inventory: Inventory
    gauges: Gauges = Gauges()
    services: tuple[LocalService, ...] = ()
    models: tuple[LocalModel, ...] = ()
    share: WorkerShare | None = None
    """What its Dask workers get when they are started, and why there are none; None while that is not known."""
    orders: tuple[OrderView, ...] = ()
    """Those that it has not ended yet."""
    inflight: Count = 0
    """Answers that it writes now, as the gateway knows."""
