"""What the API has said to be frozen, in a file: the gateway refuses it also while the API is away."""

import time
from pathlib import Path
from typing import Final

from cluster_ai.core.consent import Action, Deed
from cluster_ai.core.late import late

_SERVICE: Final = "gateway"


def refuse_frozen(notice: Path, model: str, nodes: tuple[str, ...]) -> None:
    """To be called in a thread. ``nodes``: those that the caller chose.

    Raises:
        Frozen: models may not be changed now.
    """
    if not notice.exists():
        return
    check = late("cluster_ai.slo.notice").check
    for node in nodes or ("",):
        check(notice, Deed(Action.PULL, model, {"service": _SERVICE, "model": model, "node": node}), time.time())
