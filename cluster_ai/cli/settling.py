"""The moment between the parts being ready and the first question being answered."""

import contextlib
import time
from typing import TYPE_CHECKING, Final

from cluster_ai.cli import show
from cluster_ai.cli.welcome import welcome
from cluster_ai.cli.words import t
from cluster_ai.core.errors import ClusterError

if TYPE_CHECKING:
    from cluster_ai.settings import Settings
    from cluster_ai.supervisor.types import SupervisorView
    from cluster_ai.views import CheckView

SETTLE_SECONDS: Final = 15.0


def greet(settings: "Settings", view: "SupervisorView") -> None:
    """Waits for that moment, then says that the cluster is ready and where it is."""
    settled = _settle(settings, needs_node=any(part.name == "node" for part in view.parts))
    show.say(t("up.ready", name=show.safe(settings.name), age=show.duration(time.time() - view.started_at)))
    if not settled:
        show.say(t("up.not_well"))
    welcome(view, settings.paths)


def _settle(settings: "Settings", *, needs_node: bool) -> bool:
    """Waits until the API finds everything well, so that the first question is answered; False if that fails."""
    from cluster_ai.client import Client

    end_at = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < end_at:
        # An API that is between two breaths is asked again; ``cluster-ai diag`` tells what stays wrong.
        with contextlib.suppress(ClusterError), Client.local(settings) as client:
            found = client.ready()
            if found.ready or not any(needs_node or not _is_of_nodes(check) for check in found.checks if not check.ok):
                return True
        time.sleep(0.2)
    return False


def _is_of_nodes(check: "CheckView") -> bool:
    return check.name.startswith("node")
