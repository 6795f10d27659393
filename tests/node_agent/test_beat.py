"""The machine's side of the conversation: what it tells again, what it does once, and how it waits for a head."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from cluster_ai.core.errors import ClusterError, Conflict, Unavailable, Unsupported
from cluster_ai.node_agent import beat as module
from cluster_ai.node_agent.beat import EXPELLED_TIMES, LONGEST_PAUSE, Beats, Body, Now, Self
from cluster_ai.node_agent.head import Expelled, HeadAway
from cluster_ai.nodes.inventory import Inventory
from cluster_ai.nodes.types import Done, Heartbeat, HeartbeatReply, Order, Wanted
from tests.told import told_by

ME = Self("01928d2f-0000-7000-8000-000000000001", ("127.0.0.1",), 11437)


@dataclass
class Talk:
    """A head that answers as it is told, and a machine that remembers what it did."""

    reply: HeartbeatReply = field(default_factory=HeartbeatReply)
    away: bool = False
    error: Exception | None = None
    heard: list[Heartbeat] = field(default_factory=list)
    obeyed: list[Wanted] = field(default_factory=list)
    did: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    refusal: ClusterError | None = None
    expelled: int = 0
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    async def beat(self, beat: Heartbeat) -> HeartbeatReply:
        if self.away:
            raise HeadAway("nobody answers")
        if self.error is not None:
            raise self.error
        self.heard.append(beat)
        return self.reply

    def order(self, *verbs: str) -> None:
        orders = tuple(Order(id=verb, verb=verb) for verb in verbs)
        self.reply = HeartbeatReply(wanted=Wanted(orders=orders))

    def beats(self) -> Beats:
        async def inventory() -> Inventory:
            return Inventory(hostname="tower", boot_id="boot")

        async def now() -> Now:
            return Now()

        async def obey(wanted: Wanted) -> None:
            if self.refusal is not None:
                raise self.refusal
            self.obeyed.append(wanted)

        async def do(order: Order) -> Done:
            self.did.append(order.verb)
            await self.may_end.wait()
            if order.verb == "dance":
                raise Unsupported("this machine does not dance")
            if order.verb == "trip":
                raise ZeroDivisionError("a stone")
            return Done(order=order.id)

        async def number() -> int:
            return 1

        return Beats(ME, Body(inventory, now, obey, do, number, self.revoke, self.expel))

    async def revoke(self, listed: str) -> None:
        self.revoked.append(listed)

    async def expel(self) -> None:
        self.expelled += 1


def tell(story: Callable[[Talk, Beats, Callable[[], Awaitable[None]]], Awaitable[None]]) -> None:
    async def run() -> None:
        talk = Talk()
        beats = talk.beats()
        async with asyncio.TaskGroup() as tasks:

            async def tick() -> None:
                await beats.tick(talk, tasks)
                for _ in range(10):
                    await asyncio.sleep(0)

            await story(talk, beats, tick)
            talk.may_end.set()

    asyncio.run(run())


Tick = Callable[[], Awaitable[None]]


def test_order_is_done_once_and_its_end_told_until_it_is_heard() -> None:
    async def story(talk: Talk, _beats: Beats, tick: Tick) -> None:
        talk.order("restart")
        for _ in range(3):
            await tick()
        assert talk.did == ["restart"], "it runs, and is not begun again"
        assert [beat.done for beat in talk.heard] == [(), (), ()]
        talk.may_end.set()
        for _ in range(5):
            await asyncio.sleep(0)
        talk.away = True
        for _ in range(3):
            await tick()
        talk.away = False
        talk.order()
        await tick()
        assert talk.heard[-1].done == (Done(order="restart"),)
        await tick()
        assert talk.heard[-1].done == ()
        assert talk.did == ["restart"]

    tell(story)


def test_machine_that_stumbles_over_an_order_says_so() -> None:
    async def story(talk: Talk, _beats: Beats, tick: Tick) -> None:
        talk.may_end.set()
        talk.order("dance", "trip")
        await tick()
        await tick()
        ends = {done.order: done.error for done in talk.heard[-1].done}
        assert "does not dance" in ends["dance"]
        assert "a stone" in ends["trip"]

    tell(story)


def test_inventory_is_told_once_and_again_when_somebody_asks() -> None:
    async def story(talk: Talk, _beats: Beats, tick: Tick) -> None:
        for _ in range(2):
            await tick()
        talk.reply = HeartbeatReply(send_inventory=True)
        await tick()
        talk.reply = HeartbeatReply()
        for _ in range(2):
            await tick()
        talk.away = True
        await tick()
        talk.away = False
        await tick()
        assert [beat.inventory is not None for beat in talk.heard] == [True, False, False, True, False, True]

    tell(story)


def test_numbers_grow_and_name_the_boot() -> None:
    async def story(talk: Talk, _beats: Beats, tick: Tick) -> None:
        for _ in range(3):
            await tick()
            await asyncio.sleep(0.002)
        numbers = [beat.number for beat in talk.heard]
        assert numbers == sorted(set(numbers))
        assert {beat.boot_id for beat in talk.heard} == {"boot"}

    tell(story)


def test_what_is_wanted_is_obeyed_when_it_changes() -> None:
    async def story(talk: Talk, _beats: Beats, tick: Tick) -> None:
        for cordon in (False, False, True, True, False):
            talk.reply = HeartbeatReply(wanted=Wanted(cordon=cordon))
            await tick()
        assert [wanted.cordon for wanted in talk.obeyed] == [False, True, False]

    tell(story)


def test_what_cannot_be_done_yet_is_tried_again_with_each_answer_until_it_is() -> None:
    async def story(talk: Talk, beats: Beats, tick: Tick) -> None:
        talk.refusal = Unavailable("no supervisor runs")
        talk.reply = HeartbeatReply(wanted=Wanted(drain=True, orders=(Order(id="1", verb="restart"),)))
        with told_by(module) as said:
            for _ in range(3):
                await tick()
        assert [line["event"] for line in said].count("what the head wants is not done yet") == 1, "it is told once"
        assert talk.obeyed == []
        assert talk.did == ["restart"], "orders wait for nobody"
        assert beats.head_since is not None, "the head is there"
        talk.refusal = None
        for _ in range(3):
            await tick()
        assert [wanted.drain for wanted in talk.obeyed] == [True], "and once done, it is done"

    tell(story)


def test_what_is_taken_back_while_it_fails_is_undone_too() -> None:
    async def story(talk: Talk, _beats: Beats, tick: Tick) -> None:
        await tick()
        talk.refusal = Unavailable("no supervisor runs")
        talk.reply = HeartbeatReply(wanted=Wanted(drain=True))
        await tick()
        talk.refusal, talk.reply = None, HeartbeatReply()
        await tick()
        assert [wanted.drain for wanted in talk.obeyed] == [False, False], "some of it may have been done"

    tell(story)


def test_machine_believes_that_it_is_out_when_it_hears_it_again() -> None:
    async def story(talk: Talk, _beats: Beats, tick: Tick) -> None:
        for _ in range(3):
            talk.error = Expelled("out")
            await tick()
            talk.error = None
            await tick()
        assert talk.expelled == 0, "it joined anew, and showed its old certificate for a moment"
        for error in (Expelled("out"), HeadAway("nobody")) * (2 * EXPELLED_TIMES):
            talk.error = error
            await tick()
        assert talk.expelled == 1, "once it is known, it is known"

    tell(story)


def test_pauses_grow_while_the_head_is_away_and_never_beyond_five_seconds() -> None:
    async def story(talk: Talk, beats: Beats, tick: Tick) -> None:
        await tick()
        assert 0.9 <= beats.pause() <= 1.0
        talk.away = True
        pauses = []
        for _ in range(12):
            await tick()
            pauses.append(beats.pause())
        assert pauses[0] > 1.7
        assert all(pause <= LONGEST_PAUSE == 5.0 for pause in pauses)
        assert min(pauses[4:]) >= 0.9 * LONGEST_PAUSE
        assert beats.head_since is None
        assert "nobody" in beats.why_away
        talk.away = False
        await tick()
        assert beats.pause() <= 1.0
        assert beats.head_since is not None

    tell(story)


def test_head_that_cannot_take_it_in_just_now_is_not_away() -> None:
    async def story(talk: Talk, beats: Beats, tick: Tick) -> None:
        await tick()
        for error in (Conflict("late"), Unavailable("the database rests")):
            talk.error = error
            await tick()
            assert beats.head_since is not None
        assert beats.pause() > 1.0

    tell(story)


def test_newer_list_of_revoked_certificates_is_kept() -> None:
    async def story(talk: Talk, _beats: Beats, tick: Tick) -> None:
        talk.reply = HeartbeatReply(revoked="the list")
        await tick()
        talk.reply = HeartbeatReply()
        await tick()
        assert talk.revoked == ["the list"]

    tell(story)
