"""The metrics of this head's processes, read from each of them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cluster_ai.cli import show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.words import t
from cluster_ai.core.errors import ClusterError

if TYPE_CHECKING:
    from cluster_ai.settings import Settings


def addresses(settings: "Settings") -> dict[str, str]:
    """By part: where it answers."""
    found = {"backend": settings.backend_url, "gateway": settings.gateway_url}
    node = {"node": f"http://127.0.0.1:{settings.effective_ports.node}"}
    return found | (node if settings.node.enabled else {})


def read(settings: "Settings", asked: dict[str, str]) -> dict[str, str]:
    """By part: its page. One that is away is told, and only when all are is it an error."""
    from cluster_ai.client import Client
    from cluster_ai.client.calls import metrics as call
    from cluster_ai.client.wiring import Target

    token = Target.local(settings).token
    pages: dict[str, str] = {}
    for part, url in asked.items():
        try:
            with Client(url, token=token) as client:
                pages[part] = client.send(call())
        except ClusterError as exc:
            if len(asked) == 1:
                raise
            show.say(t("metrics.away", part=part, why=show.reason(exc)))
    if not pages:
        leave(Exit.UNREACHABLE)
    return pages


def rows(part: str, page: str) -> Iterator[dict[str, Any]]:
    """Each figure of a page."""
    from prometheus_client.parser import text_string_to_metric_families

    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            yield {
                "part": part, "name": sample.name, "type": family.type, "help": family.documentation,
                "labels": dict(sample.labels), "value": sample.value,
            }  # fmt: skip
