"""Plans over the API of a cluster of the rig: handed in until somebody acknowledges, followed to their end."""

import time
import urllib.error
from typing import Any, Final

from benchmarks.rig.work import Cluster

PAGE: Final = 200
ENDED: Final = frozenset({"succeeded", "failed", "cancelled", "compensated"})


def submit(cluster: Cluster, plan: dict[str, Any], *, key: str, seconds: float = 120.0) -> dict[str, Any]:
    """Hands it in, again and again under one key, until the API says that it has it."""
    end = time.monotonic() + seconds
    while True:
        try:
            accepted: dict[str, Any] = cluster.call("POST", "/api/v1/plans", {**plan, "idempotency_key": key})
        except urllib.error.HTTPError as exc:
            if exc.code < 500:
                raise RuntimeError(exc.read().decode()) from exc
        except OSError:
            pass
        else:
            return accepted
        if time.monotonic() > end:
            raise TimeoutError("nobody acknowledged the plan")
        time.sleep(0.2)


def ended(cluster: Cluster, plan_id: str) -> dict[str, Any] | None:
    """The plan, when it has ended."""
    try:
        plan: dict[str, Any] = cluster.call("GET", f"/api/v1/plans/{plan_id}")
    except OSError:
        return None
    return plan if plan["status"] in ENDED else None


def tickets(cluster: Cluster, plan_id: str) -> list[dict[str, Any]]:
    """All of a plan's."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = cluster.call("GET", f"/api/v1/plans/{plan_id}/tickets?limit={PAGE}&cursor={cursor}")
        found += page["items"]
        if not page["next"]:
            return found
        cursor = page["next"]
