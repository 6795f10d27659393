"""That this machine has joined: one file beside the settings, written when it joins and taken away when it leaves."""

import json
import os
from pathlib import Path

from cluster_ai.core.paths import PRIVATE_FILE
from cluster_ai.nodes.types import AgentSettings


def write_membership(path: Path, agent: AgentSettings) -> None:
    """Whole or not at all. Blocks."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    text = json.dumps(agent.model_dump(mode="json", exclude_unset=True), indent=2)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def forget_membership(path: Path) -> bool:
    """Whether there was any."""
    was = path.exists()
    path.unlink(missing_ok=True)
    return was
