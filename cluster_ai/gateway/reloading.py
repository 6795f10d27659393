"""Every gateway of this machine asked to read its configuration again, at the door that only its owner reaches."""

from pathlib import Path
from typing import Any, Final

import httpx2

from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.sockets import doors_in, short
from cluster_ai.gateway.reload import ReloadView

LOCAL: Final = "http://localhost"
NAME: Final = "gateway"
ANSWER_SECONDS: Final = 10.0
_GOOD: Final = 200


def reload_all(run: Path) -> dict[int, ReloadView]:
    """What each process (by its pid) says that it changed; those that have just ended say nothing. Blocks.

    Args:
        run: where their doors are (``Home.run``).

    Raises:
        Misconfigured: one found the configuration wrong, and goes on with the old one.
    """
    said = {pid: _asked(door) for pid, door in doors_in(run, NAME).items()}
    return {pid: ReloadView.model_validate(one) for pid, one in said.items() if one is not None}


def _asked(door: Path) -> Any:
    with short(door.parent, door.name) as path:
        transport = httpx2.HTTPTransport(uds=path)
        with httpx2.Client(transport=transport, base_url=LOCAL, timeout=ANSWER_SECONDS, trust_env=False) as client:
            try:
                answer = client.post("/-/reload")
            except httpx2.ConnectError:
                return None
    said = answer.json()
    if answer.status_code != _GOOD:
        raise Misconfigured(str(said.get("message") or said), hint=str(said.get("hint") or ""))
    return said
