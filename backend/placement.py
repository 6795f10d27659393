"""Which node fetches or forgets a model. Pure."""

from collections.abc import Iterable
from typing import Final

from backend.snapshot import ALIVE
from cluster_ai.core.errors import Forbidden, NotFound, Unavailable, Unsupported
from cluster_ai.gateway.types import UpstreamKind
from cluster_ai.views import NodeView

REGISTRIES: Final = frozenset({"registry.ollama.ai", "ollama.com", "hf.co", "huggingface.co"})
"""Hosts that a model's name may lead to; without a host in its name the node's own default is asked."""

_ADD_OLLAMA: Final = "run an Ollama and name it under gateway.upstreams in config.toml"


class RegistryRefused(Forbidden):
    """The model's name leads to a host that nobody allowed."""

    code = "registry_refused"


class CannotManageModels(Unsupported):
    """The embedded node serves what it ships and what the configuration names; it fetches and removes nothing."""

    code = "node_cannot_manage_models"


def registry_allowed(model: str) -> None:
    """Refuses names that lead anywhere else.

    Raises:
        RegistryRefused: ``host/owner/name`` with a host that is not on the list.
    """
    host, _, rest = model.partition("/")
    named = rest and ("." in host or rest.count("/") > 1)
    if named and host.lower() not in REGISTRIES:
        raise RegistryRefused(
            f"{host} is not a registry to fetch from", hint=f"allowed: {', '.join(sorted(REGISTRIES))}"
        )


def target_of(nodes: Iterable[NodeView], name: str | None) -> NodeView:
    """The node that is to fetch a model.

    Raises:
        NotFound, Unavailable, CannotManageModels: no node can, with the reason.
    """
    found = tuple(nodes) if name is None else (_named(nodes, name),)
    able = [node for node in found if node.kind is not UpstreamKind.EMBEDDED]
    if not able:
        raise CannotManageModels("no node here can fetch models: only the embedded node serves", hint=_ADD_OLLAMA)
    alive = [node for node in able if node.state in ALIVE]
    if not alive:
        names = ", ".join(node.name for node in able)
        raise Unavailable(f"every node that could fetch it is down: {names}", retry_after=5.0)
    return min(alive, key=lambda node: (node.inflight, node.name))


def holders_of(nodes: Iterable[NodeView], model: str, name: str | None) -> tuple[NodeView, ...]:
    """The nodes that a model is to be removed from.

    Raises:
        NotFound, CannotManageModels: none can, with the reason.
    """
    found = tuple(nodes) if name is None else (_named(nodes, name),)
    names = {model, f"{model}:latest"}
    having = [node for node in found if any(held.name in names for held in node.models)]
    if not having:
        raise NotFound(f"no node has {model}", hint="./manager.sh model ls")
    able = tuple(node for node in having if node.kind is not UpstreamKind.EMBEDDED)
    if not able:
        raise CannotManageModels(f"{model} belongs to the embedded node and cannot be removed")
    return able


def _named(nodes: Iterable[NodeView], name: str) -> NodeView:
    for node in nodes:
        if node.name == name:
            return node
    raise NotFound(f"no node is called {name}", hint="./manager.sh node ls")
