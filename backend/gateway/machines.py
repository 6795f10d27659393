"""What a gateway needs to reach machines of the cluster; imported where there may be some."""

from typing import Final

from backend.gateway.following import Following, Source
from backend.gateway.life import Machines
from cluster_ai.gateway.wire.lan import Lan
from cluster_ai.pki.contexts import Renewed
from cluster_ai.pki.head import ensure_head
from cluster_ai.settings import Settings, head_files

FILE: Final = "machines.json"
"""The last list of machines, for a gateway that starts while the API is away."""


def reach(settings: Settings) -> Machines:
    """The way to the machines. Reads and, at the first start, makes the head's certificate.

    Raises:
        NoCertificate: what lies in the folders of secrets is damaged.
    """
    ensure_head(head_files(settings))
    home = settings.paths
    renewed = Renewed(home.tls)
    source = Source(settings.backend_url, home.internal_secret(), home.run / FILE, renewed)
    return Machines(Lan(tls=renewed.mixed()), lambda room: Following(source, room).running())
