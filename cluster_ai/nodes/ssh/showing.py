"""The key that a host shows to anybody, for who looks around."""

from cluster_ai.core.errors import ClusterError
from cluster_ai.nodes.ssh.connecting import shown_key
from cluster_ai.nodes.ssh.target import Target


async def shown_fingerprint(address: str, port: int) -> str:
    """Empty when it shows none; nobody signs in."""
    try:
        return (await shown_key(Target(address, "nobody", port))).fingerprint
    except ClusterError:
        return ""
