"""A ledger outside of the cluster, into which tickets write what they do; and the laws that it is held against.

Each ticket puts a line there when it begins and one when it is done, with one write each, so that the file's order is
the order of what happened, whatever was killed between.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

FINAL: Final = frozenset({"succeeded", "failed", "cancelled", "skipped", "compensated", "dead"})
ONCE: Final = "EXECUTE"
"""The kind that is never begun twice."""
AGAIN: Final = "BUILD"
"""The kind that may be done again, and counts once."""
WIDTH: Final = 10
FAILS: Final = 0.02
PAUSES: Final = {ONCE: 0.3, AGAIN: 0.1}
"""Seconds at most; those that may be done again are brief, so that they go in batches."""


def mixed_plan(count: int, ledger: Path, rng: Random, *, name: str) -> dict[str, Any]:
    """Layers of ``WIDTH`` tickets of both kinds, each of which needs up to three of the layer before; a few fail."""
    found: list[dict[str, Any]] = []
    for number in range(count):
        layer = number // WIDTH
        before = [f"{name}-{one}" for one in range((layer - 1) * WIDTH, layer * WIDTH)] if layer else []
        needs = sorted(rng.sample(before, rng.randint(0, 3))) if before else []
        found.append(_ticket(f"{name}-{number}", needs, ledger, rng))
    return {"name": name, "failure_policy": "CONTINUE", "tickets": found}


def _ticket(name: str, needs: list[str], ledger: Path, rng: Random) -> dict[str, Any]:
    kind = ONCE if rng.random() < 0.5 else AGAIN
    fails = kind == ONCE and rng.random() < FAILS
    pause = round(rng.uniform(0.0, PAUSES[kind]), 3)
    end = "exit 3" if fails else f"echo 'F {name}' >> {ledger}; echo done > out"
    script = f"echo 'S {name}' >> {ledger}; sleep {pause}; {end}"
    parameters: dict[str, Any] = {"argv": ["/bin/sh", "-c", script], "trusted": True}
    if kind == AGAIN:
        parameters["artefacts"] = ["out"]
    qos = {"delivery_mode": "EXACTLY_ONCE"} if kind == AGAIN else {}
    return {"id": name, "type": kind, "depends_on": needs, "parameters": parameters, "qos": qos}


@dataclass
class Verdict:
    """How the ledger and the cluster's own story agree; all but the counts must be empty."""

    lost: list[str] = field(default_factory=list)
    """Said to have succeeded, and left no effect; or never ended."""
    doubled: list[str] = field(default_factory=list)
    """Of the kind that is never begun twice: begun twice."""
    twice_accepted: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    """Begun before something that it needs was done."""
    redone: int = 0
    """Of the kind that may be: done again after a loss."""
    together: int = 0
    """Begun with others of a batch."""
    given_up: int = 0
    """Never begun twice, and lost with their worker: they failed, and say so."""
    states: dict[str, int] = field(default_factory=dict)

    def note(self, histories: Iterable[Mapping[str, Any]]) -> None:
        """What a plan's histories tell: those of a batch begin in one unit of work, at one instant."""
        began = Counter((entry["at"]) for one in histories for entry in one["entries"] if entry["type"] == "started")
        self.together += sum(count for count in began.values() if count > 1)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.twice_accepted or self.order)


def judge(
    plans: Iterable[Mapping[str, Any]], tickets: Mapping[str, Mapping[str, Any]], ledger: Path, verdict: Verdict
) -> Verdict:
    """Holds what was written against what the cluster says of ``tickets``, by name."""
    begun, done = _read(ledger)
    for ticket in (one for plan in plans for one in plan["tickets"]):
        name, told = ticket["id"], tickets[ticket["id"]]
        starts, ends = begun.get(name, []), done.get(name, [])
        verdict.states[told["status"]] = verdict.states.get(told["status"], 0) + 1
        if told["status"] not in FINAL or (told["status"] == "succeeded" and not ends):
            verdict.lost.append(f"{name}: {told['status']}, {len(ends)} effects")
        if ticket["type"] == ONCE:
            verdict.given_up += told["error_code"] == "lost_after_start"
            if len(starts) > 1:
                verdict.doubled.append(f"{name}: begun {len(starts)} times")
        else:
            verdict.redone += len(starts) > 1
        verdict.order += list(_too_early(name, starts, ticket["depends_on"], done))
    return verdict


def _too_early(name: str, starts: list[int], needs: Iterable[str], done: Mapping[str, list[int]]) -> Iterator[str]:
    for need in needs:
        if starts and (not done.get(need) or starts[0] < done[need][0]):
            yield f"{name} before {need}"


def _read(ledger: Path) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """By ticket: the places in the file of its beginnings, and of its ends."""
    begun: dict[str, list[int]] = {}
    done: dict[str, list[int]] = {}
    for place, line in enumerate(ledger.read_text().splitlines() if ledger.exists() else []):
        mark, _, name = line.partition(" ")
        (begun if mark == "S" else done).setdefault(name, []).append(place)
    return begun, done
