"""The state of the cluster in one line, for the menu and for prompts: what runs, who answers, what is frozen."""

from typing import TYPE_CHECKING

from cluster_ai.cli import place, show
from cluster_ai.cli.words import t
from cluster_ai.core.errors import ClusterError

if TYPE_CHECKING:
    from cluster_ai.supervisor.types import SupervisorView


def summary(view: "SupervisorView") -> str:
    """Parts, as the supervisor knows them; nodes, freezes and problems, when the API tells them."""
    ready = sum(part.state == "ready" for part in view.parts)
    said = [t("summary.parts", ready=ready, all=len(view.parts))]
    try:
        said = [*_of_the_api(), *said]
    except ClusterError:
        # The supervisor answers when the API does not, and a line is no place for the reason.
        said.append(t("summary.no_api"))
    return show.safe(" · ".join(said))


def _of_the_api() -> list[str]:
    from cluster_ai.client import calls, slo_calls, update_calls
    from cluster_ai.gateway.types import UpstreamState

    with place.client() as client:
        seen, freezes = client.send(calls.overview()), client.send(slo_calls.freezes())
        newer = client.send(update_calls.updates()).available
    up = sum(node.state is not UpstreamState.DOWN for node in seen.nodes)
    said = [seen.system.name, t("summary.nodes", up=up, all=len(seen.nodes))]
    if newer is not None and not newer.failed:
        said.append(t("summary.update", version=newer.version))
    if freezes:
        said.append(t("summary.freezes", count=len(freezes)))
    if seen.system.problems:
        said.append(t("summary.problems", count=len(seen.system.problems)))
    return said
