"""Stays with a plan until it has ended: how far it is, what went wrong, and an exit code that says how it went."""

import time
from typing import TYPE_CHECKING, Final

from cluster_ai.cli import show
from cluster_ai.cli.bar import Bar
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.words import t
from cluster_ai.client import plan_calls
from cluster_ai.core.errors import ClusterError, Unavailable

if TYPE_CHECKING:
    from cluster_ai.client import Client
    from cluster_ai.plans.types import PlanView

LOOK_SECONDS: Final = 0.5
AWAY_SECONDS: Final = 120.0
"""So long may the API be away: a plan goes on without whoever looks at it."""
_LOST: Final = ("failed", "dead")
_TOLD: Final = 20


def ended(client: "Client", plan_id: str) -> "PlanView":
    """The plan when it has ended. Who leaves does not stop it."""
    try:
        with Bar() as bar:
            while True:
                found = _looked(client, plan_id)
                _draw(bar, found)
                if found.status.ended:
                    return found
                time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        show.say(t("plan.goes_on", plan=plan_id))
        leave(Exit.INTERRUPTED)


def tell(client: "Client", found: "PlanView", *, quiet: bool = False) -> None:
    """Says how it ended, and ends with 1 unless it succeeded."""
    is_good = found.status.value == "succeeded"
    if not quiet:
        show.say(t("plan.is", state=t(f"work.{found.status.value}")))
        if not is_good:
            _tell_why(client, found)
    if not is_good:
        leave(Exit.ERROR)


def _looked(client: "Client", plan_id: str) -> "PlanView":
    end = time.monotonic() + AWAY_SECONDS
    while True:
        try:
            return client.send(plan_calls.plan(plan_id))
        except Unavailable:
            if time.monotonic() >= end:
                raise
            time.sleep(LOOK_SECONDS)


def _draw(bar: Bar, found: "PlanView") -> None:
    done = found.tickets - found.open_tickets
    lost = t("plan.lost", count=found.failed) if found.failed else ""
    note = "  ".join(filter(None, (t(f"work.{'paused' if found.paused else found.status.value}"), lost)))
    bar.draw(done, found.tickets, note=note)


def _tell_why(client: "Client", found: "PlanView") -> None:
    if found.error_code:
        show.say(f"{found.error_code}: {show.safe(found.error_message)}")
    for status in _LOST:
        try:
            page = client.send(plan_calls.tickets({"plan_id": found.plan_id, "status": status}, limit=_TOLD))
        except ClusterError:
            # How it ended was said; the verb's own exit code stands.
            return
        for one in page.items:
            show.say(show.safe(f"  {one.task_id}: {one.error_code}: {one.error_message}"))
