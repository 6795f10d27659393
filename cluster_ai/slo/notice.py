"""What is frozen, in a file: for processes that have no database open and must refuse all the same."""

import json
from collections.abc import Sequence
from pathlib import Path

from cluster_ai.core import files
from cluster_ai.core.consent import Deed
from cluster_ai.slo.held import Held, refuse
from cluster_ai.slo.types import FreezePolicy, FreezeView


def put(path: Path, held: Sequence[Held]) -> None:
    """Writes all that holds now, whole or not at all."""
    rows = [{"view": one.view.model_dump(mode="json"), "policy": one.policy.model_dump(mode="json")} for one in held]
    files.replace(path, json.dumps({"freezes": rows}))


_view = FreezeView.model_validate


def check(path: Path, deed: Deed, now: float) -> None:
    """Returns when the file forbids nothing; one that is not there, or cannot be read, forbids nothing.

    Raises:
        Frozen: it does.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["freezes"]
        held = [Held(_view(row["view"]), FreezePolicy.model_validate(row["policy"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return
    refuse(held, deed, now)
