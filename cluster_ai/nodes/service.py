"""Membership: machines that have joined, what is wanted of them, and whose certificate counts.

Every public method is one unit of work.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.db import Database
from cluster_ai.nodes import deeds, tables
from cluster_ai.nodes.errors import NameTaken, TooManyCertificates, not_called
from cluster_ai.nodes.invitations import Chance, redeem
from cluster_ai.nodes.records import GivenOrder, Machine
from cluster_ai.nodes.types import Done, Heartbeat, JoinRequest
from cluster_ai.pki.authority import Authority, Signed
from cluster_ai.pki.types import Identity, PeerRole

RESERVED = frozenset({"embedded", "local-ollama", "worker"})
"""Nodes that a gateway has of its own are called so."""
MOST_LABELS = 64
"""Of a machine; those of its line before its own."""
DAY = 86_400.0
MOST_CERTIFICATES = 16
"""Of one machine in a day. All of them get onto the list of the revoked when it is taken out, which everybody reads."""
NOTED_SECONDS = 60.0
"""That a machine was heard is stored this often; storing every heartbeat would wear the disk out for nothing."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A machine that was let in, and its first certificate. ``again``: it had been one of us before."""

    machine: Machine
    certificate: str
    again: bool


@dataclass(frozen=True, slots=True)
class RevokedList:
    """Certificates that count no more. ``number`` grows with each list."""

    pem: str
    number: int
    serials: frozenset[str]


class Machines:
    """Owns membership. ``days``: life of a machine's certificate."""

    def __init__(
        self,
        database: Database,
        *,
        authority: Authority,
        chance: Chance,
        days: float,
        consent: deeds.Consent = deeds.always,
    ) -> None:
        self._database = database
        self._consent = consent
        self._authority = authority
        self._chance = chance
        self._days = days

    # -- coming and going

    async def join(self, request: JoinRequest, token: str) -> Joined:
        """Lets a machine in, and uses its join line up; both or neither.

        A machine that was here before, and is the same one, gets its place back: what it held is revoked.

        Raises:
            JoinRefused: the line opens nothing.
            NameTaken: another machine has that name.
            BadRequest: there is no key to certify.
        """
        now = self._chance.now()
        async with self._database.transaction() as connection:
            used = await redeem(connection, token, name=request.name, now=now)
            known = await tables.machine_by(connection, name=request.name)
            _refuse_reserved(request.name)
            _refuse_other(request, known)
            machine_id = known.id if known else self._chance.new_id()
            signed = self._sign(machine_id, request.request, now)
            machine = Machine(
                id=machine_id,
                name=request.name,
                machine_id=request.inventory.machine_id,
                joined_at=now,
                joined_by=used.made_by,
                serial=signed.serial,
                certificate_until=signed.not_after,
                addresses=request.addresses,
                port=request.port,
                inventory=request.inventory,
                labels=tuple(dict.fromkeys((*used.labels, *request.labels)))[:MOST_LABELS],
                seen_at=now,
            )
            if known:
                await tables.revoke_certificates(connection, machine_id, now=now)
                await tables.change_machine(connection, machine)
            else:
                await tables.add_machine(connection, machine)
            await tables.add_certificate(connection, machine)
        return Joined(machine, signed.pem, again=known is not None)

    async def renew(self, machine_id: str, request: str) -> Signed:
        """Another certificate for a machine that has one; the old one is good until it expires.

        Raises:
            NoSuchMachine, BadRequest: as it says.
            TooManyCertificates: it has had enough of them for a day.
        """
        now = self._chance.now()
        of_today = now + max(0.0, self._days - 1) * DAY
        async with self._database.transaction() as connection:
            machine = await _found(connection, machine_id=machine_id)
            if await tables.count_certificates(connection, machine.id, after=of_today) >= MOST_CERTIFICATES:
                raise TooManyCertificates("this machine has got many certificates today", retry_after=DAY)
            signed = self._sign(machine.id, request, now)
            machine = replace(machine, serial=signed.serial, certificate_until=signed.not_after)
            await tables.change_machine(connection, machine)
            await tables.add_certificate(connection, machine)
            await tables.forget_certificates(connection, machine.id, before=now)
        return signed

    async def remove(self, name: str) -> Machine:
        """Takes a machine out: its certificates count no more.

        Raises:
            NoSuchMachine: none has that name.
        """
        now = self._chance.now()
        async with self._database.transaction() as connection:
            machine = await _found(connection, name=name)
            await tables.revoke_certificates(connection, machine.id, now=now)
            await tables.remove_machine(connection, machine.id)
        return machine

    async def revocation_list(self) -> RevokedList:
        """The certificates that count no more."""
        async with self._database.read() as connection:
            rows = await tables.revoked(connection)
        number = len(rows) + 1
        pem = self._authority.revocation_list(rows, now=self._chance.now(), number=number)
        return RevokedList(pem, number, frozenset(row.serial for row in rows))

    # -- what is known

    async def all(self) -> tuple[Machine, ...]:
        """By name."""
        async with self._database.read() as connection:
            return await tables.all_machines(connection)

    async def get(self, *, name: str = "", machine_id: str = "") -> Machine:
        """One machine.

        Raises:
            NoSuchMachine: there is none.
        """
        async with self._database.read() as connection:
            return await _found(connection, name=name, machine_id=machine_id)

    async def heard(self, machine: Machine, beat: Heartbeat) -> Machine:
        """Stores what a heartbeat changed for good; mostly nothing."""
        now = self._chance.now()
        told = replace(
            machine,
            addresses=beat.addresses or machine.addresses,
            port=beat.port,
            inventory=beat.inventory or machine.inventory,
        )
        passed = now - machine.seen_at
        if told == machine and 0 <= passed < NOTED_SECONDS and not beat.done:
            return machine
        told = replace(told, seen_at=now)
        async with self._database.transaction() as connection:
            await tables.note_machine(connection, told)
            await _end(connection, machine.id, beat.done, now)
        return told

    # -- what is wanted

    async def change(self, name: str, change: Callable[[Machine], Machine]) -> Machine:
        """Stores what ``change`` makes of the machine: cordoned, draining, labels.

        Raises:
            NoSuchMachine: none has that name.
            Frozen: it would be drained, and a freeze forbids that.
        """
        async with self._database.transaction() as connection:
            before = await _found(connection, name=name)
            machine = change(before)
            if machine.draining and not before.draining:
                await self._consent(connection, deeds.draining(before))
            await tables.change_machine(connection, machine)
        return machine

    async def order(self, name: str, verb: str, argument: str = "", *, by: str) -> GivenOrder:
        """Something that the machine is to do once, as soon as it is heard.

        Raises:
            NoSuchMachine: none has that name.
            Frozen: a freeze forbids what it would do.
        """
        async with self._database.transaction() as connection:
            machine = await _found(connection, name=name)
            if deed := deeds.ordered(verb, machine):
                await self._consent(connection, deed)
            given = GivenOrder(self._chance.new_id(), machine.id, verb, argument[:256], self._chance.now(), by)
            await tables.add_order(connection, given)
        return given

    async def open_orders(self) -> tuple[GivenOrder, ...]:
        """Of all machines, oldest first."""
        async with self._database.read() as connection:
            return await tables.open_orders(connection)

    async def last_orders(self, machine_id: str, *, limit: int = 20) -> tuple[GivenOrder, ...]:
        """Of one machine, the newest first."""
        async with self._database.read() as connection:
            return await tables.last_orders(connection, machine_id, limit=limit)

    def _sign(self, machine_id: str, request: str, now: float) -> Signed:
        # No name beside its own: what a machine says of itself would be believed of others by whoever trusts the CA.
        identity = Identity(PeerRole.NODE, self._authority.cluster_id, machine_id)
        return self._authority.sign(request, identity, now=now, days=self._days)


async def _found(connection: AsyncConnection, *, name: str = "", machine_id: str = "") -> Machine:
    machine = await tables.machine_by(connection, name=name, machine_id=machine_id)
    if machine is None:
        raise not_called(name or machine_id)
    return machine


async def _end(connection: AsyncConnection, machine_id: str, done: Iterable[Done], now: float) -> None:
    for one in done:
        await tables.end_order(connection, one.order, machine_id=machine_id, error=one.error, now=now)


def _refuse_reserved(name: str) -> None:
    if name in RESERVED:
        raise NameTaken(
            f"a node of the gateway itself is called {name}",
            hint="join under another name (--name)",
            values={"name": name, "about": "reserved"},
        )


def _refuse_other(request: JoinRequest, known: Machine | None) -> None:
    # Without an id of its own nobody can prove to be the one that was here before.
    if known is not None and (not known.machine_id or known.machine_id != request.inventory.machine_id):
        raise NameTaken(
            f"another machine is called {request.name} already",
            hint="join under another name (--name), or remove that one first: cluster-ai node rm",
            values={"name": request.name},
        )
