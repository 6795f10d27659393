"""What ``cluster-ai agent join`` does: this machine described, then let in by the head."""

import socket
import time

from cluster_ai import __version__
from cluster_ai.node_agent.inventory import Place, Stocktaking
from cluster_ai.node_agent.joining import Ground, Newcomer, host_label, join
from cluster_ai.nodes.lines import Line
from cluster_ai.nodes.types import JoinReply
from cluster_ai.settings import Settings


async def entered(settings: Settings, line: Line, *, name: str, bind: str, labels: tuple[str, ...]) -> JoinReply:
    """Joins. Raises as ``cluster_ai.node_agent.joining.join``."""
    home = settings.paths
    inventory = await Stocktaking(Place((home.models, home.root)), version=__version__).take()
    newcomer = Newcomer(
        name=name or host_label(socket.gethostname()),
        inventory=inventory,
        port=settings.effective_ports.agent,
        bind=bind,
        labels=labels,
    )
    return await join(line, newcomer, Ground(home.membership, home.tls), now=time.time)
