"""What of the head's own the live picture shows alive, as the registry takes it. Pure."""

from collections.abc import Iterator
from typing import Final

from backend.registry.keeping import engine_words, short
from backend.snapshot import ALIVE
from cluster_ai.gateway.types import UpstreamKind
from cluster_ai.nodes.types import InstanceKind
from cluster_ai.registry.types import MOST_WORDS, Registration
from cluster_ai.views import NodeView, OverviewView, SystemView

API: Final = "head:api"
GATEWAY: Final = "head:gateway"
DASK: Final = "head:dask-dashboard"


def api(picture: OverviewView, lease: float) -> Registration:
    """The API itself, which lives as long as anybody can ask it. ``lease`` in seconds, as below."""
    return _service(picture.system, API, "api", picture.system.endpoints.api, "management-api", lease=lease)


def alive(picture: OverviewView, lease: float) -> Iterator[tuple[Registration, bool]]:
    """The others that live, each with whether it wants to be chosen."""
    system = picture.system
    if picture.gateway_reachable:
        words = ("gateway", "ollama-api", "openai-api", "anthropic-api")
        yield _service(system, GATEWAY, "gateway", system.endpoints.gateway, *words, lease=lease), True
        for node in _own_nodes(picture):
            if node.state in ALIVE:
                yield _engine(node, lease), not node.draining
    if picture.compute.reachable:
        url = system.endpoints.dask_dashboard
        yield _service(system, DASK, "dask-dashboard", url, "dask-dashboard", lease=lease), True


def wanted(picture: OverviewView) -> frozenset[str]:
    """Ids of all that belong here, alive or not."""
    return frozenset({API, GATEWAY, DASK, *map(_node_id, _own_nodes(picture))})


def _own_nodes(picture: OverviewView) -> Iterator[NodeView]:
    """Nodes that no machine of the LAN brings: those tell of themselves."""
    return (node for node in picture.nodes if node.kind is not UpstreamKind.MACHINE)


def _node_id(node: NodeView) -> str:
    return f"head:node:{node.name}"


def _service(system: SystemView, instance: str, name: str, url: str, *words: str, lease: float) -> Registration:
    return Registration(
        id=instance,
        kind=InstanceKind.SERVICE.value,
        name=name,
        url=url,
        version=system.version,
        capabilities=frozenset(words),
        lease_seconds=lease,
    )


def _engine(node: NodeView, lease: float) -> Registration:
    models = ((model.name, model.loaded) for model in node.models)
    return Registration(
        id=_node_id(node),
        kind=InstanceKind.ENGINE.value,
        name=node.name,
        url=node.url,
        version=short(node.version),
        capabilities=engine_words(models, most=MOST_WORDS),
        metadata={"engine": node.kind.value},
        lease_seconds=lease,
    )
