"""All machines of the cluster as the head has them in mind: what is stored of each, and how it was last heard.

Owns the picture in memory. Heartbeats come some hundred times a second and touch the database only when they bring
something new; everything that people change goes through the database first.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cluster_ai.core.clock import Clock
from cluster_ai.nodes.errors import NoSuchMachine, not_called
from cluster_ai.nodes.inventory import Gauges
from cluster_ai.nodes.presence import MachineState, Patience, Presence, Roll
from cluster_ai.nodes.records import GivenOrder, Machine
from cluster_ai.nodes.service import Joined, Machines
from cluster_ai.nodes.types import Heartbeat, HeartbeatReply, JoinRequest, MachinesSettings, Order, Wanted
from cluster_ai.nodes.views import MachineView, OrderView, Serving, ServingNode

WAKES: Final = "wakes"
"""Label by which people say that a machine can be woken."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """``monotonic`` decides, ``wall`` (Unix seconds) is told."""

    monotonic: Clock = time.monotonic
    wall: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class Known:
    """A machine, and how it was last heard; None before the first time since the head started."""

    machine: Machine
    presence: Presence | None
    state: MachineState


Told = Callable[[Known], None]
"""Called with a machine that was heard, or changed by people."""


@dataclass(slots=True)
class Fleet:
    """See the module. ``told`` and ``gone`` are called at once and must not wait."""

    machines: Machines
    settings: MachinesSettings
    clocks: Clocks = field(default_factory=Clocks)
    told: list[Told] = field(default_factory=list)
    gone: list[Callable[[Machine], None]] = field(default_factory=list)
    revoked: str = ""
    """The list of revoked certificates, PEM."""
    revoked_number: int = 0
    _revoked_serials: frozenset[str] = frozenset()
    _known: dict[str, Machine] = field(default_factory=dict)
    _orders: dict[str, tuple[GivenOrder, ...]] = field(default_factory=dict)
    _roll: Roll = field(init=False)

    def __post_init__(self) -> None:
        self._roll = Roll(Patience(self.settings.suspect_seconds, self.settings.dead_seconds))

    async def load(self) -> None:
        """Reads what is stored."""
        self._known = {machine.id: machine for machine in await self.machines.all()}
        await self._load_orders()
        await self._load_revoked()

    # -- machines speak

    async def join(self, request: JoinRequest, token: str) -> Joined:
        """As ``Machines.join``; the machine is known from now on."""
        joined = await self.machines.join(request, token)
        self._roll.forget(joined.machine.id)
        await self._load_revoked()
        self._take(joined.machine)
        return joined

    async def heard(self, beat: Heartbeat) -> HeartbeatReply:
        """Takes a heartbeat, and answers with all that is wanted of its machine.

        Raises:
            NoSuchMachine: it was removed, or never joined.
            LateHeartbeat: a newer one was heard before.
        """
        machine = self._machine(beat.node_id)
        presence = self._roll.heard(beat, now=self.clocks.monotonic(), wall=self.clocks.wall())
        given = {order.id for order in self._open(machine.id)}
        # Ends of orders that nobody gave, or that ended before, are no reason to store anything.
        done = tuple(one for one in beat.done if one.order in given)
        stored = await self.machines.heard(machine, beat.model_copy(update={"done": done}))
        if stored is not machine and beat.node_id in self._known:
            self._known[machine.id] = replace(
                self._known[machine.id],
                addresses=stored.addresses, port=stored.port, inventory=stored.inventory, seen_at=stored.seen_at,
            )  # fmt: skip
        if done:
            await self._load_orders()
        self._tell(machine.id)
        return self._reply(machine.id, presence)

    def _reply(self, machine_id: str, presence: Presence) -> HeartbeatReply:
        machine = self._machine(machine_id)
        orders = tuple(Order(id=one.id, verb=one.verb, argument=one.argument) for one in self._open(machine_id))
        return HeartbeatReply(
            wanted=Wanted(cordon=machine.cordoned, drain=machine.draining, labels=machine.labels, orders=orders),
            heartbeat_seconds=self.settings.heartbeat_seconds,
            skew_seconds=presence.skew,
            reachable=presence.reachable,
            unreachable_because=presence.unreachable_because,
            revoked=self.revoked if presence.beat.revoked_number < self.revoked_number else "",
            send_inventory=presence.beat.inventory is None,
        )

    # -- people speak

    async def change(self, name: str, change: Callable[[Machine], Machine]) -> Known:
        """Raises as ``Machines.change``."""
        machine = await self.machines.change(name, change)
        self._take(machine)
        return self.known(machine.id)

    async def order(self, name: str, verb: str, argument: str = "", *, by: str) -> GivenOrder:
        """Raises as ``Machines.order``."""
        given = await self.machines.order(name, verb, argument, by=by)
        await self._load_orders()
        return given

    async def remove(self, name: str) -> Machine:
        """Raises as ``Machines.remove``. What the machine still does for us ends with its certificate."""
        machine = await self.machines.remove(name)
        self._known.pop(machine.id, None)
        self._roll.forget(machine.id)
        await self._load_orders()
        await self._load_revoked()
        for tell in self.gone:
            tell(machine)
        return machine

    def put(self, machine: Machine) -> None:
        """A machine as it is stored now."""
        self._take(machine)

    def dialled(self, machine_id: str, *, error: str, address: str = "") -> None:
        """Whether the head could open the machine's own door: ``error`` is empty when it could, at ``address``."""
        if presence := self._roll.get(machine_id):
            presence.reachable, presence.unreachable_because = not error, error[:256]
            presence.best = address

    # -- what is known

    def is_revoked(self, serial: str) -> bool:
        """Whether that certificate counts no more, from the moment on that it was revoked."""
        return serial in self._revoked_serials

    def known(self, machine_id: str) -> Known:
        """One machine.

        Raises:
            NoSuchMachine: there is none.
        """
        state = self._roll.state(machine_id, self.clocks.monotonic())
        return Known(self._machine(machine_id), self._roll.get(machine_id), state)

    def named(self, name: str) -> Known:
        """The same by name."""
        for machine in self._known.values():
            if machine.name == name:
                return self.known(machine.id)
        raise not_called(name)

    def all(self) -> tuple[Known, ...]:
        """By name."""
        return tuple(self.known(machine.id) for machine in sorted(self._known.values(), key=lambda one: one.name))

    def gauges(self) -> tuple[tuple[str, Gauges], ...]:
        """How machines do, by name; those that are away say nothing any more."""
        heard = (known for known in self.all() if known.state is not MachineState.AWAY)
        return tuple((known.machine.name, known.presence.beat.gauges) for known in heard if known.presence)

    def resting(self) -> tuple[str, ...]:
        """Names of machines that get no new work."""
        return tuple(machine.name for machine in self._known.values() if machine.cordoned or machine.draining)

    def serving(self) -> Serving:
        """Machines that have an engine, or had one when they were last heard; silent ones, too."""
        rows = tuple(_serving(known) for known in self.all() if _has_engine(known))
        return Serving(version=hashlib.sha256(repr(rows).encode()).hexdigest()[:16], nodes=rows)

    def view(self, known: Known) -> MachineView:
        """As it is shown."""
        machine, presence = known.machine, known.presence
        beat = presence.beat if presence else None
        return MachineView(
            id=machine.id,
            name=machine.name,
            state=known.state,
            labels=machine.labels,
            cordoned=machine.cordoned,
            draining=machine.draining,
            addresses=machine.addresses,
            port=machine.port,
            joined_at=machine.joined_at,
            joined_by=machine.joined_by,
            seen_seconds=self.clocks.monotonic() - presence.heard_at if presence else None,
            last_seen_at=machine.seen_at,
            skew_seconds=presence.skew if presence else 0.0,
            reachable=presence.reachable if presence else None,
            unreachable_because=presence.unreachable_because if presence else "",
            certificate_until=machine.certificate_until,
            version=machine.inventory.version,
            # Who joins under a name that is taken proves by this id to be the machine that has it.
            inventory=machine.inventory.model_copy(update={"machine_id": ""}),
            orders=tuple(_order(one) for one in self._open(machine.id)),
            **(_heard_of(beat) if beat else {}),
        )

    def _machine(self, machine_id: str) -> Machine:
        machine = self._known.get(machine_id)
        if machine is None:
            raise NoSuchMachine(
                "this machine is not one of the cluster (any more)", hint="let it join again: cluster-ai node invite"
            )
        return machine

    def _take(self, machine: Machine) -> None:
        self._known[machine.id] = machine
        self._tell(machine.id)

    def _tell(self, machine_id: str) -> None:
        known = self.known(machine_id)
        for tell in self.told:
            tell(known)

    def _open(self, machine_id: str) -> tuple[GivenOrder, ...]:
        return self._orders.get(machine_id, ())

    async def _load_orders(self) -> None:
        found: dict[str, list[GivenOrder]] = {}
        for order in await self.machines.open_orders():
            found.setdefault(order.machine_id, []).append(order)
        self._orders = {machine_id: tuple(orders) for machine_id, orders in found.items()}

    async def _load_revoked(self) -> None:
        listed = await self.machines.revocation_list()
        self.revoked, self.revoked_number, self._revoked_serials = listed.pem, listed.number, listed.serials


def _has_engine(known: Known) -> bool:
    if known.presence is None:
        # Not heard since the head started: nobody is taken away from the gateway for that.
        return True
    return any(service.kind in {"ollama", "embedded"} for service in known.presence.beat.services)


def _best_first(known: Known) -> tuple[str, ...]:
    """Its addresses, first the one at which its door has opened."""
    best = known.presence.best if known.presence else ""
    return tuple(sorted(known.machine.addresses, key=lambda address: address != best))


def _heard_of(beat: Heartbeat) -> dict[str, Any]:
    return {"gauges": beat.gauges, "services": beat.services, "models": beat.models, "share": beat.share}


def _serving(known: Known) -> ServingNode:
    machine = known.machine
    return ServingNode(
        name=machine.name,
        node_id=machine.id,
        addresses=_best_first(known),
        port=machine.port,
        labels=machine.labels,
        drain=machine.cordoned or machine.draining,
        wakes=_wakes(machine),
    )


def _wakes(machine: Machine) -> bool:
    """It says so, or its owner does: an agent without rights cannot read it everywhere."""
    has_card = any(network.mac for network in machine.inventory.networks)
    return has_card and (WAKES in machine.labels or any(network.wakes for network in machine.inventory.networks))


def _order(given: GivenOrder) -> OrderView:
    return OrderView(
        id=given.id,
        verb=given.verb,
        argument=given.argument,
        given_at=given.given_at,
        given_by=given.given_by,
        done_at=given.done_at,
        error=given.error,
    )
