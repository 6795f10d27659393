"""Which nodes a change of models goes to. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from cluster_ai.core.errors import InvalidInput, NotFound, Unavailable
from cluster_ai.gateway.managing.asks import ALL, Ask, Verb


@dataclass(frozen=True, slots=True)
class Shelf:
    """A node as a place for models. Sizes in bytes."""

    name: str
    changes: bool = True
    """False for the embedded node: it serves what it has."""
    up: bool = True
    drains: bool = False
    labels: frozenset[str] = frozenset()
    has_model: bool = False
    has_source: bool = False
    has_blobs: bool = False
    """Every blob that the change refers to."""
    inflight: int = 0
    models_bytes: int = 0
    room: int | None = None
    """Free for models; None when nobody knows."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a change goes: to the first of ``nodes`` that answers, or to ``each`` of them."""

    nodes: tuple[str, ...]
    each: bool = False


def plan(ask: Ask, wanted: tuple[str, ...], shelves: Iterable[Shelf]) -> Plan:
    """Where ``ask`` goes.

    Raises:
        NotFound: no such node, or none has the model.
        Unavailable: those that could do it are down.
        InvalidInput: no node has all blobs.
    """
    nodes = tuple(shelves)
    if wanted and wanted != (ALL,):
        return Plan(tuple(shelf.name for shelf in _named(wanted, nodes)), each=True)
    return _RULES[ask.verb](_Case(ask, nodes, everywhere=bool(wanted)))


def blob_plan(wanted: tuple[str, ...], shelves: Iterable[Shelf]) -> Plan:
    """Where a blob goes that nobody has and whose model is not known yet."""
    nodes = tuple(shelves)
    if wanted and wanted != (ALL,):
        return Plan(tuple(shelf.name for shelf in _named(wanted, nodes)), each=True)
    return _each(_every(nodes)) if wanted else _first(_able(nodes), _roomiest)


@dataclass(frozen=True, slots=True)
class _Case:
    ask: Ask
    nodes: tuple[Shelf, ...]
    everywhere: bool


def _pull(case: _Case) -> Plan:
    if case.everywhere:
        return _each(_every(case.nodes))
    having = [shelf for shelf in case.nodes if shelf.has_model and shelf.up]
    if updated := [shelf for shelf in having if shelf.changes]:
        # All who have it: two nodes with two versions under one name would answer differently.
        return _each(updated)
    return _first(having or _able(case.nodes), _roomiest)


def _from_source(case: _Case) -> Plan:
    having = [shelf for shelf in case.nodes if shelf.has_source]
    if not having:
        raise NotFound(f"model '{case.ask.source}' not found")
    # It is the same model everywhere: to send it away once is enough.
    everywhere = case.everywhere and case.ask.verb is Verb.COPY
    return _each(_every(having)) if everywhere else _first(_able(having), _idlest)


def _create(case: _Case) -> Plan:
    nodes = [shelf for shelf in case.nodes if shelf.has_blobs or not case.ask.digests]
    if case.nodes and not nodes:
        raise InvalidInput("no node has all the blobs in files", path="files", hint="send them again")
    having = [shelf for shelf in nodes if shelf.has_source and shelf.changes]
    if case.everywhere:
        return _each(_every(having or nodes))
    # When nobody has it a node will fetch it first, as a node alone does.
    here = [shelf for shelf in having if shelf.up]
    return _first(here or _able(nodes), _idlest if here else _roomiest)


def _delete(case: _Case) -> Plan:
    having = [shelf for shelf in case.nodes if shelf.has_model]
    if not having:
        raise NotFound(f"model '{case.ask.model}' not found")
    return _each(_every(having))


_RULES: Final[dict[Verb, Callable[[_Case], Plan]]] = {
    Verb.PULL: _pull,
    Verb.PUSH: _from_source,
    Verb.COPY: _from_source,
    Verb.CREATE: _create,
    Verb.DELETE: _delete,
}


def _named(wanted: tuple[str, ...], nodes: tuple[Shelf, ...]) -> list[Shelf]:
    found: dict[str, Shelf] = {}
    for name in wanted:
        meant = [shelf for shelf in nodes if shelf.name == name] or [shelf for shelf in nodes if name in shelf.labels]
        if not meant:
            known = ", ".join(shelf.name for shelf in nodes) or "none"
            raise NotFound(f"no node is called {name[:100]}", hint=f"there are: {known}")
        found |= {shelf.name: shelf for shelf in meant}
    return list(found.values())


def _every(nodes: Iterable[Shelf]) -> list[Shelf]:
    """Also those that are down: whoever wants something everywhere should know that it was not done there."""
    nodes = list(nodes)
    if not nodes:
        raise Unavailable("no node is known here")
    return [shelf for shelf in nodes if shelf.changes] or nodes


def _able(nodes: Iterable[Shelf]) -> list[Shelf]:
    """Those that can do it now; when nobody can change models, those who will say so themselves.

    Raises:
        Unavailable: all are down, or there is none.
    """
    nodes = tuple(nodes)
    able = [shelf for shelf in nodes if shelf.changes] or list(nodes)
    up = [shelf for shelf in able if shelf.up]
    if not up:
        names = ", ".join(shelf.name for shelf in able)
        raise Unavailable(f"every node that could do this is down: {names}" if names else "no node is known here")
    return [shelf for shelf in up if not shelf.drains] or up


def _each(shelves: Iterable[Shelf]) -> Plan:
    return Plan(tuple(shelf.name for shelf in shelves), each=True)


def _first(shelves: Iterable[Shelf], order: Callable[[Shelf], Any]) -> Plan:
    return Plan(tuple(shelf.name for shelf in sorted(shelves, key=order)))


def _idlest(shelf: Shelf) -> tuple[Any, ...]:
    return (not shelf.changes, shelf.drains, not shelf.has_model, shelf.inflight, shelf.name)


def _roomiest(shelf: Shelf) -> tuple[Any, ...]:
    known = 0 if shelf.room is None else -shelf.room
    full = shelf.room is not None and shelf.room <= 0
    return (full, shelf.room is None, known, shelf.models_bytes, shelf.inflight, shelf.name)
