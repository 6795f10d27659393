"""The typed client of the management API: what CLI, TUI and scripts know of a cluster.

``Client`` waits, ``AsyncClient`` is for an event loop. Both raise the classes of ``core.errors``, never the HTTP
library's. ``Client.local(settings)`` is this machine's own cluster; ``Client(url, token=...)`` any other::

    with Client.local(settings) as client:
        for node in client.nodes():
            print(node.name, node.state)
"""

from cluster_ai.client.aio import AsyncClient
from cluster_ai.client.calls import PullStep, ServedBy
from cluster_ai.client.live import Message, Reconnect
from cluster_ai.client.plain import plain
from cluster_ai.client.sync import Client

__all__ = ["AsyncClient", "Client", "Message", "PullStep", "Reconnect", "ServedBy", "plain"]
