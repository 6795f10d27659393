"""That this machine has joined: one file beside the settings, written when it joins and taken away when it leaves."""

import json
from pathlib import Path

from cluster_ai.core import files
from cluster_ai.nodes.types import AgentSettings


def write_membership(path: Path, agent: AgentSettings) -> None:
    """Whole or not at all. Blocks."""
    text = json.dumps(agent.model_dump(mode="json", exclude_unset=True), indent=2)
    files.replace(path, text + "\n")


def forget_membership(path: Path) -> bool:
    """Whether there was any."""
    was = path.exists()
    path.unlink(missing_ok=True)
    return was
