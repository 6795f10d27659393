"""Turns are fair between owners, and nothing waits for ever within one."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.plans import fairness
from cluster_ai.plans.asked import Asked, Scene
from cluster_ai.plans.fairness import ELDEST_TURN, Rounds, score, share_of


def ticket(name: str, owner: str = "ann", **more: object) -> Asked:
    return Asked(id=name, owner=owner, kind="EXECUTE", **more)  # type: ignore[arg-type]


@dataclass
class Table:
    """``most`` places, for whoever comes."""

    most: int
    chosen: list[Asked] = field(default_factory=list)
    refused: frozenset[str] = frozenset()

    @property
    def is_full(self) -> bool:
        return len(self.chosen) >= self.most

    def take(self, asked: Asked) -> float | None:
        if asked.owner in self.refused:
            return None
        self.chosen.append(asked)
        return asked.cost


def pick(waiting: Iterable[Asked], most: int, rounds: Rounds, now: float) -> tuple[list[Asked], Rounds]:
    table = Table(most)
    return table.chosen, fairness.pick(waiting, table, rounds, now)


def test_who_found_no_place_does_not_pay_and_is_the_next() -> None:
    both = [ticket(f"{owner}{number}", owner, seconds=1.0) for owner in ("ann", "bob") for number in range(4)]
    table = Table(2, refused=frozenset({"bob"}))
    rounds = fairness.pick(both, table, Rounds(), 0.0)
    assert [one.owner for one in table.chosen] == ["ann", "ann"]
    assert [one.owner for one in pick(both, 3, rounds, 0.0)[0]] == ["bob", "ann", "bob"]


def test_the_riskier_the_sooner_and_the_score_is_bounded() -> None:
    dire = ticket("dire", rank=0.7, deadline=10.0, sla=100.0, since=-1e9)
    calm = ticket("calm", rank=0.175)
    assert score(dire, 10.0) == 1.5
    assert score(calm, 0.0) == 0.175
    assert pick([calm, dire], 1, Rounds(), 10.0)[0] == [dire]


def test_waiting_lifts_a_ticket_over_one_that_has_just_come() -> None:
    old, new = ticket("old", rank=0.275, since=0.0), ticket("new", rank=0.425, since=1799.0)
    assert pick([old, new], 1, Rounds(), 1800.0)[0] == [old]


@given(
    st.lists(st.integers(0, 3), min_size=30, max_size=60),
    st.integers(0, 6),
    st.floats(0.0, 0.175),
    st.floats(0.05, 9.0),
)
def test_nothing_waits_for_ever_under_a_stream_of_critical_tickets(
    stream: list[int], older: int, humble: float, cost: float
) -> None:
    """However many urgent ones come with each pick: behind ``k`` older ones it is picked within so many picks."""
    waiting = [ticket(f"older-{number}", rank=0.7, since=-1.0) for number in range(older)]
    waiting.append(ticket("humble", rank=humble, since=0.0, seconds=cost))
    rounds = Rounds()
    bound = ELDEST_TURN * (older + 1)
    for step in range(bound):
        arriving = stream[step % len(stream)] + 1
        waiting += [
            ticket(f"c-{step}-{n}", rank=0.7, deadline=step + 1.0, sla=1.0, since=step + 1.0) for n in range(arriving)
        ]
        chosen, rounds = pick(waiting, 1, rounds, step + 1.0)
        waiting.remove(chosen[0])
        if chosen[0].id == "humble":
            return
    raise AssertionError(f"not picked within {bound}")


@given(st.lists(st.floats(0.05, 30.0), min_size=2, max_size=5), st.integers(1, 4))
def test_owners_get_the_same_time_however_they_cut_their_work(costs: list[float], at_once: int) -> None:
    """Over a long run no owner is ahead of another by more than two of the longest tickets."""
    owners = [f"owner-{number}" for number in range(len(costs))]
    given_: Counter[str] = Counter()
    rounds, number, total = Rounds(), 0, 40 * max(costs) * len(costs)
    waiting = []
    while sum(given_.values()) < total:
        for owner, cost in zip(owners, costs, strict=True):
            while sum(one.owner == owner for one in waiting) < at_once:
                number += 1
                waiting.append(ticket(f"{owner}-{number}", owner, seconds=cost, since=float(number)))
        chosen, rounds = pick(waiting, at_once, rounds, float(number))
        for one in chosen:
            waiting.remove(one)
            given_[one.owner] += one.cost
    spread = max(given_.values()) - min(given_.values())
    assert spread <= 2 * max(costs)


@given(st.dictionaries(st.sampled_from("abcde"), st.integers(1, 20), min_size=1), st.integers(0, 40))
def test_as_many_go_as_may_and_each_once(counts: dict[str, int], most: int) -> None:
    waiting = [ticket(f"{owner}{number}", owner) for owner, count in counts.items() for number in range(count)]
    chosen, _ = pick(waiting, most, Rounds(), 0.0)
    assert len(chosen) == min(most, len(waiting))
    assert len({one.id for one in chosen}) == len(chosen)


def test_an_owner_with_a_thousand_does_not_delay_one_with_a_single_ticket() -> None:
    waiting = [ticket(f"a{number}", "ann", rank=0.7) for number in range(1000)]
    waiting.append(ticket("b", "bob", rank=0.175, since=5.0))
    chosen, _ = pick(waiting, 2, Rounds(), 10.0)
    assert "b" in {one.id for one in chosen}


def test_who_was_away_has_saved_nothing_up() -> None:
    rounds = Rounds()
    for step in range(50):
        _, rounds = pick([ticket(f"a{step}", "ann", seconds=1.0)], 1, rounds, 0.0)
    both = [ticket(f"{owner}{number}", owner, seconds=1.0) for owner in ("ann", "bob") for number in range(10)]
    chosen, _ = pick(both, 10, rounds, 0.0)
    assert Counter(one.owner for one in chosen) == {"ann": 5, "bob": 5}


def test_places_are_split_between_those_who_want_them() -> None:
    scene = Scene(0.0, places=8, waiting=frozenset({"ann", "bob"}), holding={"cat": 2})
    assert share_of("ann", scene) == 3
    assert share_of("ann", Scene(0.0, places=8, waiting=frozenset({"ann"}))) == 8
