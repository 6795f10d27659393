"""What the machines room of the API is told when it starts."""

from dataclasses import dataclass, field

from cluster_ai.accounts.service import Times
from cluster_ai.nodes.types import MachinesSettings, PowerSettings
from cluster_ai.pki.types import HeadFiles

__all__ = ["MembersConfig", "Times"]


@dataclass(frozen=True, slots=True)
class MembersConfig:
    """``heads``: https URLs at which machines reach this head; none while it stays alone."""

    settings: MachinesSettings
    files: HeadFiles
    heads: tuple[str, ...] = ()
    scheduler: str = ""
    agent_port: int = 11_437
    power: PowerSettings = field(default_factory=PowerSettings)
