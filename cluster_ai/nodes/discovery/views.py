"""Searches as they are shown. Pure."""

from collections.abc import Mapping

from pydantic import computed_field

from cluster_ai.core.wire import View
from cluster_ai.nodes.discovery.searches import Search, SearchState
from cluster_ai.nodes.discovery.taking import id_of, may_be_taken
from cluster_ai.nodes.discovery.types import Entry, Found, LeftOut, Progress, Service


class FoundService(Service):
    """What answers at a port, and what can be made of it."""

    instance: str = ""
    """Id in the registry, once it was taken."""
    takeable: bool = False
    """It may be registered as an instance."""


class FoundView(Found):
    """A machine, or what may be one. ``usable``: it can be added over SSH, as ``target``; else ``why_not`` says why."""

    services: tuple[FoundService, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def usable(self) -> bool:
        return self.why_not is None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def target(self) -> str:
        return super().target


class DiscoveryView(View):
    """A search. Times in Unix seconds; ``stages`` count what was really looked at."""

    id: str
    by: str
    state: SearchState
    started_at: float
    ended_at: float | None = None
    networks: tuple[str, ...] = ()
    """Looked at; empty where only addresses are."""
    hosts: tuple[str, ...] = ()
    stages: tuple[Progress, ...] = ()
    found: tuple[FoundView, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    hashed: int = 0
    """Lines of known_hosts files whose names are hashed."""
    problems: Mapping[str, str] = {}


class DiscoveryList(View):
    """The newest first; what ended is kept for a quarter of an hour. ``networks``: those that may be looked at now."""

    items: tuple[DiscoveryView, ...]
    networks: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


def view_of(search: Search, taken: frozenset[str]) -> DiscoveryView:
    """As it is now. ``taken``: ids of found services that the registry has."""
    ended = search.gathered.ended
    return DiscoveryView(
        id=search.id,
        by=search.by,
        state=search.state,
        started_at=search.started_at,
        ended_at=search.ended_at,
        networks=() if search.order.hosts else search.networks,
        hosts=search.order.hosts,
        stages=tuple(search.gathered.stages.values()),
        found=tuple(_shown(one, taken) for one in search.gathered.found()),
        left_out=() if search.order.hosts else search.left_out,
        hashed=ended.hashed if ended else 0,
        problems=ended.problems if ended else {},
    )


def _shown(found: Found, taken: frozenset[str]) -> FoundView:
    values = {name: getattr(found, name) for name in Found.model_fields}
    values["services"] = tuple(_service(found.address, one, taken) for one in found.services)
    if found.entry:
        # Where keys lie on the head is nobody else's business.
        values["entry"] = Entry.model_validate(found.entry.model_dump(exclude={"identities"}))
    return FoundView.model_construct(**values)


def _service(address: str, service: Service, taken: frozenset[str]) -> FoundService:
    values = {name: getattr(service, name) for name in Service.model_fields}
    instance = id_of(address, service.port) if address else ""
    return FoundService.model_construct(
        **values,
        instance=instance if instance in taken else "",
        takeable=bool(address) and may_be_taken(service.kind),
    )
