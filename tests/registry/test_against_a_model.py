"""The registry beside a plain dictionary, under any sequence of operations on a clock that only goes forward."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from cluster_ai.registry.service import Claim
from cluster_ai.registry.trails import HALF_LIFE
from cluster_ai.registry.types import IdTaken, NotYours, Query, Registration, Renewal, State, UnknownInstance, What
from tests.registry.making import ADMIN, world

WORDS = ("chat", "embed", "gpu")
KINDS = ("engine", "worker")
OWNERS = (Claim("ann"), Claim("ben"))


@dataclass
class Known:
    """What the model knows of one instance."""

    owner: str
    kind: str
    words: frozenset[str]
    sign: float
    lease: float


class RegistryBesideADictionary(RuleBasedStateMachine):
    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.found = world()
        self.model: dict[str, Known] = {}
        self.view: dict[str, Any] = {}
        self._watch = self.found.registry.watch()
        self.watcher = self._watch.__enter__()

    def teardown(self) -> None:
        self._watch.__exit__(None, None, None)

    @property
    def now(self) -> float:
        return self.found.time.now

    @rule(
        target=ids,
        number=st.integers(0, 5),
        owner=st.sampled_from(OWNERS),
        kind=st.sampled_from(KINDS),
        words=st.frozensets(st.sampled_from(WORDS)),
        lease=st.sampled_from([None, 1.0, 20.0]),
    )
    def register(self, number: int, owner: Claim, kind: str, words: frozenset[str], lease: float | None) -> str:
        one = f"i{number}"
        wanted = Registration(id=one, name=one, kind=kind, capabilities=words, lease_seconds=lease)
        old = self.model.get(one)
        if old is not None and old.owner != owner.owner:
            try:
                self.found.registry.register(wanted, owner)
            except IdTaken:
                return one
            raise AssertionError("somebody else's id was given away")
        assert self.found.registry.register(wanted, owner).owner == owner.owner
        self.model[one] = Known(owner.owner, kind, words, self.now, lease or 5.0)
        return one

    @rule(one=ids, who=st.sampled_from([*OWNERS, ADMIN]), words=st.none() | st.frozensets(st.sampled_from(WORDS)))
    def renew(self, one: str, who: Claim, words: frozenset[str] | None) -> None:
        known = self.model.get(one)
        try:
            self.found.registry.renew(one, Renewal(capabilities=words), who)
        except UnknownInstance:
            assert known is None
        except NotYours:
            assert known is not None
            assert not who.over_all
            assert known.owner != who.owner
        else:
            assert known is not None
            known.sign = self.now
            known.words = known.words if words is None else words

    @rule(one=ids, who=st.sampled_from([*OWNERS, ADMIN]))
    def deregister(self, one: str, who: Claim) -> None:
        known = self.model.get(one)
        try:
            self.found.registry.deregister(one, who)
        except UnknownInstance:
            assert known is None
        except NotYours:
            assert known is not None
            assert not who.over_all
            assert known.owner != who.owner
        else:
            del self.model[one]

    @rule(one=ids, ok=st.booleans())
    def evidence(self, one: str, ok: bool) -> None:
        try:
            self.found.registry.evidence(one, ok)
        except UnknownInstance:
            assert one not in self.model
        else:
            if ok:
                self.model[one].sign = self.now

    @rule(
        seconds=st.sampled_from([0.01, 0.5, 2.0, 3.5, 6.0, 30.0, 120.0]), jump=st.sampled_from([0.0, 7200.0, -86_400.0])
    )
    def pass_time(self, seconds: float, jump: float) -> None:
        self.found.time.wall += jump
        # The registry looks often enough for each of the model's leases.
        self.found.pass_time(seconds, step=min(seconds, 0.25))
        for one, known in list(self.model.items()):
            if self.now - known.sign >= 5 * known.lease + 2 * _late(known.lease):
                del self.model[one]

    @invariant()
    def same_instances(self) -> None:
        there = {row.id: row for row in self.found.registry.list(Query())}
        sure = {one for one, known in self.model.items() if self.now - known.sign < 5 * known.lease}
        assert sure <= there.keys() <= self.model.keys()
        # What is between the two limits may be gone already.
        self.model = {one: known for one, known in self.model.items() if one in there}
        for one, known in self.model.items():
            assert (there[one].owner, there[one].kind) == (known.owner, known.kind)
            assert there[one].capabilities == known.words

    @invariant()
    def nobody_silent_is_healthy_and_nobody_alive_is_dead(self) -> None:
        for row in self.found.registry.list(Query()):
            known = self.model[row.id]
            silence = self.now - known.sign
            if silence >= known.lease + 2 * _late(known.lease):
                assert row.state is State.UNREACHABLE
            if silence < known.lease:
                assert row.state is not State.UNREACHABLE

    @invariant()
    def shelves_agree_with_a_plain_search(self) -> None:
        rows = self.found.registry.list(Query())
        for kind in (None, *KINDS):
            for words in (frozenset(), frozenset({"chat"}), frozenset({"chat", "gpu"})):
                query = Query(kind=kind, capabilities=words, states=frozenset(State))
                expected = {row.id for row in rows if kind in {None, row.kind} and words <= row.capabilities}
                found = self.found.registry.discover(query)
                assert {row.instance.id for row in found} == expected
                totals = [row.score.total for row in found]
                assert all(math.isclose(one.score.total, _sum(one.score)) for one in found)
                fade = self._fade(found)
                assert all(second <= first + fade for first, second in pairwise(totals))

    @invariant()
    def who_watches_knows_all(self) -> None:
        for change in self.watcher.at_hand():
            self._follow(change)
        assert self.view == {row.id: row.state for row in self.found.registry.list(Query())}

    def _follow(self, change: Any) -> None:
        match change.what:
            case What.RESET:
                self.view = {}
            case What.ADDED | What.CHANGED:
                self.view[change.instance.id] = change.instance.state
            case What.REMOVED:
                del self.view[change.instance.id]

    def _fade(self, found: Any) -> float:
        """What trails may have moved since the order was found: it is that of the last sign of life."""
        oldest = max((self.now - self.model[row.instance.id].sign for row in found), default=0.0)
        return float(0.15 * (1 - 2 ** (-oldest / HALF_LIFE)) + 1e-8)


def _late(lease: float) -> float:
    """How late the registry may notice: two of its looks, and one step of its agenda."""
    return 0.5 + lease * 0.05


def _sum(score: Any) -> float:
    return round(0.4 * score.health + 0.3 * score.trail + 0.3 * score.telemetry, 9)


TestRegistry = RegistryBesideADictionary.TestCase
TestRegistry.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
