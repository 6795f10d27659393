"""Words of the cluster's certificates. Pure."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from cluster_ai.core.errors import Forbidden, Misconfigured

SCHEME: Final = "cluster-ai"
DOMAIN: Final = "cluster-ai.internal"
"""Under a top-level domain that is reserved for private use: no name server of the world answers for it."""
_URI: Final = re.compile(rf"^{SCHEME}://([0-9a-f-]{{36}})/(head|node/([0-9a-f-]{{36}}))$")


class CertificateRefused(Forbidden):
    """A certificate that is not one of this cluster's, or not any more."""

    code = "certificate_refused"


REVOKED: Final = "revoked"
"""About which certificate it is, where it was one of this cluster's."""


class NoCertificate(Misconfigured):
    """The files of a certificate are not there, or hold something else."""

    code = "no_certificate"


class PeerRole(StrEnum):
    """What the owner of a certificate is in the cluster."""

    HEAD = "head"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a certificate was made for. ``node_id`` is empty for a head."""

    role: PeerRole
    cluster_id: str
    node_id: str = ""

    @property
    def uri(self) -> str:
        """As it stands in the certificate."""
        path = PeerRole.HEAD.value if self.role is PeerRole.HEAD else f"{PeerRole.NODE.value}/{self.node_id}"
        return f"{SCHEME}://{self.cluster_id}/{path}"

    @property
    def host(self) -> str:
        """The name by which clients check whom they have reached; addresses may change, it does not."""
        return HEAD_HOST if self.role is PeerRole.HEAD else node_host(self.node_id)

    @classmethod
    def from_uri(cls, uri: str) -> "Identity":
        """The identity that ``uri`` names.

        Raises:
            CertificateRefused: it names none.
        """
        found = _URI.fullmatch(uri)
        if found is None:
            raise CertificateRefused("the certificate names no member of a cluster")
        cluster_id, _, node_id = found.groups()
        return cls(PeerRole.NODE if node_id else PeerRole.HEAD, cluster_id, node_id or "")


@dataclass(frozen=True, slots=True)
class HeadFiles:
    """Folders of the head, and what it is called."""

    authority: Path
    store: Path
    cluster: str
    names: tuple[str, ...] = ()
    """Further DNS names and addresses."""
    days: float = 90.0


HEAD_HOST: Final = f"head.{DOMAIN}"


def node_host(node_id: str) -> str:
    """The name in the certificate of that machine."""
    return f"{node_id}.node.{DOMAIN}"
