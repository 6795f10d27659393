"""All that is known of what was found, put together: one record a machine, whatever told of it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TypeVar

from cluster_ai.nodes.discovery.types import Entry, Found, How, Kind, Service, Why

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Hint:
    """What one source tells. Either ``address`` or a name must be there."""

    how: How
    address: str = ""
    names: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()
    mac: str = ""
    entry: Entry | None = None
    host_keys: tuple[str, ...] = ()
    why_not: Why | None = None
    """What this source knows against it."""


@dataclass(slots=True)
class _Record:
    id: str
    address: str = ""
    others: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    how: list[How] = field(default_factory=list)
    services: dict[int, Service] = field(default_factory=dict)
    mac: str = ""
    entry: Entry | None = None
    host_keys: list[str] = field(default_factory=list)
    against: list[Why] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Members:
    """Who is in the cluster already: addresses and names of its machines, and of this one."""

    own: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()


class Finds:
    """Owns the records of one search."""

    def __init__(self, members: Members = Members()) -> None:
        self._members = members
        self._records: dict[str, _Record] = {}
        self._by: dict[tuple[str, str], str] = {}

    def add(self, hint: Hint) -> Found:
        """What is known now of the machine that ``hint`` speaks of."""
        keys = list(_keys(hint))
        known = list(dict.fromkeys(self._by[key] for key in keys if key in self._by))
        record = self._records[known[0]] if known else self._new(hint)
        for other in known[1:]:
            self._swallow(record, other)
        _learn(record, hint)
        for key in keys:
            self._by[key] = record.id
        return self._told(record)

    def all(self) -> tuple[Found, ...]:
        """Everything, in the order in which it was found."""
        return tuple(map(self._told, self._records.values()))

    def absorbed(self, found_id: str) -> bool:
        """Whether what was told under this id turned out to be another machine that was told already."""
        return found_id not in self._records

    def _new(self, hint: Hint) -> _Record:
        record = _Record(hint.address or hint.names[0])
        self._records[record.id] = record
        return record

    def _swallow(self, record: _Record, other_id: str) -> None:
        """Two turned out to be one: the first keeps its id."""
        other = self._records.pop(other_id)
        for name in other.names:
            _once(record.names, name)
        for address in (other.address, *other.others):
            _address(record, address)
        for how in other.how:
            _once(record.how, how)
        for key in other.host_keys:
            _once(record.host_keys, key)
        record.services = {**other.services, **record.services}
        record.mac = record.mac or other.mac
        record.entry = record.entry or other.entry
        record.against += other.against
        self._by |= {key: record.id for key, owner in self._by.items() if owner == other_id}

    def _told(self, record: _Record) -> Found:
        return Found(
            id=record.id,
            address=record.address,
            others=tuple(record.others),
            names=tuple(record.names),
            how=tuple(record.how),
            services=tuple(record.services[port] for port in sorted(record.services)),
            mac=record.mac,
            entry=record.entry,
            host_keys=tuple(record.host_keys),
            why_not=self._why_not(record),
        )

    def _why_not(self, record: _Record) -> Why | None:
        places = {record.address, *record.others}
        if places & self._members.own:
            return Why.THIS_MACHINE
        if places & self._members.addresses or {name.lower() for name in record.names} & self._members.names:
            return Why.IN_CLUSTER
        # That a name leads nowhere says nothing once an address was found by other means.
        against = [why for why in record.against if not (why is Why.NAME_UNKNOWN and record.address)]
        if against:
            return against[0]
        if record.entry is not None and record.entry.jump:
            # Only by way of another machine: nobody has looked, and nobody could.
            return None
        return None if _has_ssh(record.services.values()) else Why.NO_SSH


def _keys(hint: Hint) -> Iterable[tuple[str, str]]:
    """By what it is recognised, the surest first. A name alone is one: two machines of one name are not told apart."""
    if hint.address:
        yield "address", hint.address
    for key in hint.host_keys:
        yield "host key", key
    if not hint.address:
        for name in hint.names:
            yield "name", name.lower()


def _learn(record: _Record, hint: Hint) -> None:
    if hint.address:
        _address(record, hint.address)
    for name in hint.names:
        if not _is_address(name):
            _once(record.names, name)
    _once(record.how, hint.how)
    for key in hint.host_keys:
        _once(record.host_keys, key)
    for service in hint.services:
        # Who looked knows better than who only heard of it.
        if hint.how is How.SCAN or service.port not in record.services:
            record.services[service.port] = service
    record.mac = record.mac or hint.mac
    record.entry = record.entry or hint.entry
    if hint.why_not is not None:
        record.against.append(hint.why_not)


def _address(record: _Record, address: str) -> None:
    if not address or address == record.address:
        return
    if not record.address:
        record.address = address
    else:
        _once(record.others, address)


def _has_ssh(services: Iterable[Service]) -> bool:
    return any(service.kind is Kind.SSH for service in services)


def _once(found: list[T], one: T) -> None:
    if one not in found:
        found.append(one)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def hints_of_neighbours(table: Mapping[str, str], wanted: frozenset[str]) -> tuple[Hint, ...]:
    """What the neighbour table tells of the addresses that are looked at."""
    return tuple(Hint(How.ARP, address, mac=mac) for address, mac in table.items() if address in wanted)
