"""What the API answers about the whole cluster. Clients (CLI, TUI, dashboard) know these and nothing below."""

from typing import Final

from cluster_ai.compute.types import ComputeView
from cluster_ai.core.wire import Count, View
from cluster_ai.gateway.types import ModelView, UpstreamState, UpstreamView
from cluster_ai.supervisor.types import PartView

DRAINING: Final = "draining"


class NodeView(UpstreamView):
    """A node that serves models."""

    @property
    def shown_state(self) -> str:
        """Its state as people see it: a node that answers and is given no new calls is ``draining``."""
        return DRAINING if self.draining and self.state is not UpstreamState.DOWN else self.state.value


class ClusterModelView(View):
    """A model and the nodes that have it."""

    name: str
    size: Count = 0
    family: str = ""
    parameter_size: str = ""
    quantization: str = ""
    capabilities: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    loaded_on: tuple[str, ...] = ()


class Rates(View):
    """Traffic over the last seconds. All per second except ``inflight`` and the totals."""

    requests_per_second: float = 0.0
    tokens_per_second: float = 0.0
    errors_per_second: float = 0.0
    inflight: Count = 0
    requests_total: Count = 0
    errors_total: Count = 0
    output_tokens_total: Count = 0


class HostView(View):
    """This machine. Memory in bytes, CPU in percent of all cores."""

    hostname: str
    cores: Count
    cpu: float
    memory_total: Count
    memory_used: Count
    disk_total: Count
    disk_used: Count


class Endpoints(View):
    """Addresses to give to people."""

    api: str
    gateway: str
    dask_dashboard: str


class SystemView(View):
    """The cluster itself. ``problems`` are sentences with a stable code in front: ``scheduler.down: ...``."""

    name: str
    version: str
    uptime_seconds: float
    endpoints: Endpoints
    host: HostView
    parts: tuple[PartView, ...] = ()
    problems: tuple[str, ...] = ()


class OverviewView(View):
    """One live snapshot, once a second on the topic ``overview``."""

    at: float
    """Unix seconds."""
    system: SystemView
    rates: Rates
    nodes: tuple[NodeView, ...] = ()
    models: tuple[ClusterModelView, ...] = ()
    compute: ComputeView
    gateway_reachable: bool = True


class CheckView(View):
    """One dependency, as ``/ready`` names it."""

    name: str
    ok: bool
    detail: str = ""
    hint: str = ""


class ReadyView(View):
    ready: bool
    checks: tuple[CheckView, ...] = ()


def merge_models(nodes: tuple[NodeView, ...]) -> tuple[ClusterModelView, ...]:
    """Each model once, with the nodes that have it and those that hold it in memory; sorted by name.

    What a node that is down had on its disk it has still; its memory is gone.
    """
    holders: dict[str, list[tuple[NodeView, ModelView]]] = {}
    for node in nodes:
        for model in node.models:
            holders.setdefault(model.name, []).append((node, model))
    return tuple(_merged(name, held) for name, held in sorted(holders.items()))


def _merged(name: str, held: list[tuple[NodeView, ModelView]]) -> ClusterModelView:
    first = held[0][1]
    return ClusterModelView(
        name=name,
        size=first.size,
        family=first.family,
        parameter_size=first.parameter_size,
        quantization=first.quantization,
        capabilities=first.capabilities,
        nodes=tuple(node.name for node, _ in held),
        loaded_on=tuple(node.name for node, model in held if model.loaded and node.state is not UpstreamState.DOWN),
    )
