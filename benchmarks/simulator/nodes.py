"""A node as Ollama behaves, without time or sockets: what it loads, throws out, reads, writes and keeps waiting.

It moves only by ``advance``. What is modelled:

- a model is loaded before its first answer, one load at a time; when there is no room for it, models that nobody uses
  leave, the longest unused first; while all are used the load waits, and later calls for the one that is to leave wait
  behind it;
- a model in memory has slots; calls beyond them wait in the node, first come, first served, and nobody outside sees it;
- a slot keeps the prompt and answer it held last; a call takes the free slot that shares most of its prompt's
  beginning, and reads only the rest;
- all that a node does at once shares it: each of ``n`` goes on at ``1 / (1 + CROWDING * (n - 1))`` of its speed alone;
- speed falls with a model's size: a node reads ``prefill`` and writes ``decode`` gigabytes of weights a second.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

CROWDING: Final = 0.25
LOAD_FIXED: Final = 1.0
"""Seconds of every load, beside what is read from the disk."""
Segments = tuple[tuple[int, int], ...]
"""A prompt as pieces, each a number that stands for its text and its tokens: equal beginnings have equal pieces."""


@dataclass(frozen=True, slots=True)
class Model:
    """``size`` in gigabytes."""

    name: str
    size: float


@dataclass(frozen=True, slots=True)
class Spec:
    """A machine. ``memory`` in gigabytes for models; ``disk``, ``prefill`` and ``decode`` in gigabytes a second."""

    name: str
    memory: float
    disk: float
    prefill: float
    decode: float
    slots: int
    models: tuple[Model, ...]

    def load_seconds(self, model: Model) -> float:
        return LOAD_FIXED + model.size / self.disk

    def model(self, name: str) -> Model | None:
        return next((model for model in self.models if model.name == name), None)


@dataclass(slots=True, eq=False)
class Job:
    """A call. Times are None until they come; ``output`` is how many tokens the answer will have."""

    number: int
    model: str
    prompt: Segments
    answer: int
    """The piece that the answer is in the next turn's prompt."""
    output: int
    urgent: bool = True
    arrived: float = 0.0
    node: str = ""
    first: float | None = None
    done: float | None = None
    read: int = 0
    """Prompt tokens that no cache had."""
    only_load: bool = False
    began: float | None = None
    """When it got a slot."""

    @property
    def tokens(self) -> int:
        return sum(tokens for _, tokens in self.prompt)


@dataclass(slots=True, eq=False)
class _Slot:
    holds: Segments = ()
    used: float = 0.0
    taken: bool = False


@dataclass(slots=True, eq=False)
class _Loaded:
    model: Model
    slots: list[_Slot]
    used: float
    waiting: list[Job] = field(default_factory=list)
    leaving: bool = False

    @property
    def is_idle(self) -> bool:
        return not self.waiting and not any(slot.taken for slot in self.slots)


@dataclass(slots=True, eq=False)
class _Active:
    """``target``: the node's work clock at which this phase ends."""

    job: Job
    loaded: _Loaded
    slot: _Slot
    target: float
    writing: bool = False


@dataclass(slots=True)
class Node:
    """``by_urgency``: urgent calls pass the others in its queues; no real engine does that, the oracle may."""

    spec: Spec
    by_urgency: bool = False
    now: float = 0.0
    loads: list[float] = field(default_factory=list)
    """When each began."""
    evictions: int = 0
    loaded: dict[str, _Loaded] = field(default_factory=dict)
    loading: tuple[Model, float] | None = None
    """What is being loaded, and when it will be there."""
    pending: list[Job] = field(default_factory=list)
    """Calls whose model is not in memory."""
    active: list[_Active] = field(default_factory=list)
    work: float = 0.0
    """The work clock: seconds of a call alone on the node."""

    @property
    def pace(self) -> float:
        return 1.0 / (1.0 + CROWDING * (len(self.active) - 1)) if self.active else 1.0

    @property
    def inflight(self) -> int:
        return len(self.active) + len(self.pending) + sum(len(loaded.waiting) for loaded in self.loaded.values())

    def submit(self, job: Job) -> None:
        """Now."""
        job.node = self.spec.name
        loaded = self.loaded.get(job.model)
        if loaded is None or loaded.leaving:
            self._queue(self.pending, job)
            self._load_next()
            return
        self._queue(loaded.waiting, job)
        self._fill(loaded)

    def cancel(self, job: Job) -> None:
        """Its caller has left."""
        self.pending = [other for other in self.pending if other is not job]
        for loaded in self.loaded.values():
            loaded.waiting = [other for other in loaded.waiting if other is not job]
        for active in [active for active in self.active if active.job is job]:
            self._free(active)
        if self.loading and not any(other.model == self.loading[0].name for other in self.pending):
            self.loading = None
        self._load_next()

    def next_event(self) -> float | None:
        """When something will happen by itself; None: never."""
        times = [self.loading[1]] if self.loading else []
        if self.active:
            nearest = min(active.target for active in self.active)
            times.append(self.now + max(0.0, nearest - self.work) / self.pace)
        return min(times, default=None)

    def advance(self, until: float) -> list[Job]:
        """Lets time pass. Answers the calls to which something happened, in order: first token, end, model loaded."""
        told: list[Job] = []
        while (at := self.next_event()) is not None and at <= until:
            self._pass(at)
            told += self._happen()
        self._pass(until)
        return told

    def _pass(self, at: float) -> None:
        self.work += (at - self.now) * self.pace
        self.now = at

    def _happen(self) -> list[Job]:
        told = []
        if self.loading and self.loading[1] <= self.now:
            told += self._has_loaded(self.loading[0])
        for active in [active for active in self.active if active.target <= self.work + 1e-9]:
            told.append(active.job)
            if active.writing:
                active.job.done = self.now
                self._free(active)
            else:
                active.job.first = self.now
                active.writing = True
                active.target = self.work + active.job.output * active.loaded.model.size / self.spec.decode
        self._load_next()
        return told

    def _has_loaded(self, model: Model) -> list[Job]:
        loaded = _Loaded(model, [_Slot() for _ in range(self.spec.slots)], self.now)
        self.loaded[model.name], self.loading = loaded, None
        mine = [job for job in self.pending if job.model == model.name]
        self.pending = [job for job in self.pending if job.model != model.name]
        for job in (only := [job for job in mine if job.only_load]):
            job.first = job.done = self.now
        loaded.waiting = [job for job in mine if not job.only_load]
        self._fill(loaded)
        return only

    def _queue(self, queue: list[Job], job: Job) -> None:
        if job.only_load and queue is not self.pending:
            job.first = job.done = self.now
            return
        place = len(queue)
        if self.by_urgency and job.urgent:
            place = next((at for at, other in enumerate(queue) if not other.urgent), place)
        queue.insert(place, job)

    def _fill(self, loaded: _Loaded) -> None:
        """Gives free slots to those who wait."""
        while loaded.waiting and (free := [slot for slot in loaded.slots if not slot.taken]):
            job = loaded.waiting.pop(0)
            slot = max(free, key=lambda slot: (shared(slot.holds, job.prompt), -slot.used))
            # The last token is always read again: it is what the first of the answer comes from.
            job.read = max(1, job.tokens - shared(slot.holds, job.prompt))
            slot.taken, slot.used, loaded.used = True, self.now, self.now
            slot.holds = (*job.prompt, (job.answer, job.output))
            job.began = self.now
            target = self.work + job.read * loaded.model.size / self.spec.prefill
            self.active.append(_Active(job, loaded, slot, target))

    def _free(self, active: _Active) -> None:
        self.active.remove(active)
        active.slot.taken, active.slot.used, active.loaded.used = False, self.now, self.now
        self._fill(active.loaded)

    def _load_next(self) -> None:
        """Begins the first load that waits when there is room, or makes some of models that nobody uses."""
        if self.pending and self.loading is None:
            if (head := self.loaded.get(self.pending[0].model)) is not None:
                head.leaving = False
            self._let_in()
        while self.pending and self.loading is None:
            model = self.spec.model(self.pending[0].model)
            assert model is not None, f"{self.spec.name} has no {self.pending[0].model}"
            if not self._make_room(model.size):
                return
            self.loading = (model, self.now + self.spec.load_seconds(model))
            self.loads.append(self.now)

    def _let_in(self) -> None:
        """Calls that waited behind a load which did not throw out their model after all."""
        staying = [job for job in self.pending if (row := self.loaded.get(job.model)) and not row.leaving]
        self.pending = [job for job in self.pending if job not in staying]
        for job in staying:
            self._queue(self.loaded[job.model].waiting, job)
            self._fill(self.loaded[job.model])

    def _make_room(self, size: float) -> bool:
        while (free := self.spec.memory - sum(row.model.size for row in self.loaded.values())) < size:
            idle = [row for row in self.loaded.values() if row.is_idle]
            if not idle:
                self._mark_leaving(size - free)
                return False
            gone = min(idle, key=lambda row: row.used)
            del self.loaded[gone.model.name]
            self.evictions += 1
        for row in self.loaded.values():
            row.leaving = False
        return True

    def _mark_leaving(self, missing: float) -> None:
        for row in sorted(self.loaded.values(), key=lambda row: row.used):
            if missing <= 0:
                return
            row.leaving = True
            missing -= row.model.size

    def twin(self) -> "Node":
        """The same node with the same calls, to try on it what would happen; the calls are copies."""
        jobs: dict[Job, Job] = {}

        def same(job: Job) -> Job:
            if job not in jobs:
                jobs[job] = copy.copy(job)
            return jobs[job]

        rows = {
            name: replace(
                row, slots=[copy.copy(slot) for slot in row.slots], waiting=[same(job) for job in row.waiting]
            )
            for name, row in self.loaded.items()
        }
        active = [
            replace(
                row,
                job=same(row.job),
                loaded=rows[row.loaded.model.name],
                slot=rows[row.loaded.model.name].slots[row.loaded.slots.index(row.slot)],
            )
            for row in self.active
        ]
        return replace(self, loads=[], loaded=rows, pending=[same(job) for job in self.pending], active=active)

    def calls(self) -> list[Job]:
        """All that are there."""
        waiting = [job for row in self.loaded.values() for job in row.waiting]
        return [*(row.job for row in self.active), *waiting, *self.pending]


def shared(one: Segments, other: Segments) -> int:
    """Tokens of the common beginning."""
    total = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            return total
        total += mine[1]
    return total


def fleet(specs: Sequence[Spec], *, by_urgency: bool = False) -> list[Node]:
    """Fresh nodes, nothing in memory."""
    return [Node(spec, by_urgency=by_urgency) for spec in specs]
