"""Plans while everything under them is killed: ``./manager.sh bench tickets-chaos --kills 50``.

Mixed plans of 500 tickets run on real parts, on SQLite and on PostgreSQL, while a seeded hand kills (``kill -9``) the
API, the scheduler, a worker and the database at random instants, so many of each; what ends is started again, as the
supervisor would. Tickets write what they do into a ledger outside of the cluster. At the end that is held against what
the cluster says: nothing acknowledged is lost, what must not be done twice was not, nothing began before what it needs,
every history's seals fit. Prints a table and writes ``tickets_chaos.json`` beside the other results.
"""

import argparse
import random
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.rig import plans, results
from benchmarks.rig.ledger import Verdict, judge, mixed_plan
from benchmarks.rig.work import Cluster, cluster
from tests.core.postgres import Postgres
from tests.ports import free_base
from tests.waiting import BUSY, until

SETTINGS = {
    "CLUSTER_AI_EXECUTORS__SANDBOX": "none",
    "CLUSTER_AI_EXECUTORS__TRUSTED_KINDS": '["EXECUTE", "BUILD"]',
}
LONGEST_QUIET = 3.0
"""Seconds between a whole cluster and the next kill, at most."""
END_SECONDS = 600.0


class Story:
    """What was acknowledged, and what was killed."""

    def __init__(self, made: Cluster, rng: random.Random, size: int) -> None:
        self.made = made
        self.rng = rng
        self.size = size
        self.ledger = made.home / "ledger"
        self.asked: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.kills: dict[str, int] = {}

    def submit(self) -> None:
        name = f"p{len(self.asked)}"
        plan = mixed_plan(self.size, self.ledger, self.rng, name=name)
        accepted = plans.submit(self.made, plan, key=name)
        self.asked.append(plan)
        self.ids.append(accepted["plan"]["plan_id"])

    def is_idle(self) -> bool:
        """Whether the last plan has ended."""
        return not self.ids or plans.ended(self.made, self.ids[-1]) is not None

    def kill(self, part: str) -> None:
        """At a random instant of a cluster that is whole; back at once, as with a supervisor."""
        if self.is_idle():
            self.submit()
        time.sleep(self.rng.uniform(0.0, LONGEST_QUIET))
        self.made.kill(part)
        self.kills[part] = self.kills.get(part, 0) + 1
        until(self.made.is_whole, seconds=30, what=f"whole again after {part}")

    def verdict(self) -> Verdict:
        """When all has ended."""
        found, told = Verdict(), {}
        for plan_id in self.ids:
            until(lambda plan_id=plan_id: self._ended(plan_id), seconds=END_SECONDS / BUSY, what=f"plan {plan_id} ends")
            histories = []
            for ticket in plans.tickets(self.made, plan_id):
                told[ticket["task_id"]] = ticket
                history = self.made.call("GET", f"/api/v1/tickets/{ticket['ticket_id']}/history")
                if sum(entry["type"] == "completed" for entry in history["entries"]) > 1 or not history["intact"]:
                    found.twice_accepted.append(ticket["task_id"])
                histories.append(history)
            found.note(histories)
            self.made.call("GET", f"/api/v1/plans/{plan_id}/verify")
        return judge(self.asked, told, self.ledger, found)

    def _ended(self, plan_id: str) -> bool:
        self.made.restart_dead()
        return plans.ended(self.made, plan_id) is not None


def run(*, postgres: bool, kills: int, size: int, seed: int, workers: int) -> dict[str, Any]:
    """One database's story."""
    rng = random.Random(seed)
    server = Postgres() if postgres else None
    began = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        opened = cluster(Path(folder), free_base(), workers=workers, postgres=server, settings=SETTINGS)
        with opened as made:
            story = Story(made, rng, size)
            story.submit()
            parts = [part for part in made.parts() for _ in range(kills)]
            rng.shuffle(parts)
            for number, part in enumerate(parts, 1):
                story.kill(part)
                if number % 10 == 0 or number == len(parts):
                    said = f"{number} of {len(parts)} kills, {len(story.ids)} plans, {time.monotonic() - began:.0f} s\n"
                    sys.stderr.write(said)
            found = story.verdict()
    tickets = sum(len(plan["tickets"]) for plan in story.asked)
    return {
        "database": "postgresql" if postgres else "sqlite",
        "seed": seed,
        "plans": len(story.asked),
        "tickets": tickets,
        "kills": story.kills,
        "seconds": round(time.monotonic() - began, 1),
        "clean": found.is_clean,
        **asdict(found),
    }


def main() -> int:
    """Exit code 1 when a law was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="of each part")
    parser.add_argument("--size", type=int, default=500, help="tickets of one plan")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    asked = parser.parse_args()
    rows = []
    for name in ("sqlite", "postgresql"):
        if asked.database in (name, "both"):
            row = run(
                postgres=name == "postgresql", kills=asked.kills, size=asked.size, seed=asked.seed,
                workers=asked.workers,
            )  # fmt: skip
            rows.append(row)
            sys.stdout.write(f"{row}\n")
    results.RESULTS.mkdir(exist_ok=True)
    results.write("tickets_chaos", {"runs": rows})
    return 0 if all(row["clean"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
