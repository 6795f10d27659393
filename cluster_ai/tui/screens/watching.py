"""A screen that asks the API for more than the live snapshot, and only while it is shown."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import ClassVar, Generic, TypeVar

from pydantic import ValidationError
from rich.text import Text
from textual.widget import Widget
from textual.worker import WorkType

from cluster_ai.client import AsyncClient, plain
from cluster_ai.core.errors import ClusterError, Unavailable
from cluster_ai.tui.look import Look
from cluster_ai.tui.screens.live import LiveScreen
from cluster_ai.tui.session import Session
from cluster_ai.tui.widgets.line import Lines
from cluster_ai.tui.widgets.tones import tones
from cluster_ai.views import OverviewView

T = TypeVar("T")
AGAIN_SECONDS = 5.0
"""Pause after an attempt that failed."""


class WatchScreen(LiveScreen, Generic[T]):
    """``look`` is what is known; a line on top says how old that is, or why there is none."""

    EVERY: ClassVar[float] = 2.0
    """Seconds between two questions."""
    GATHERED: ClassVar[float] = 0.2
    """Answers that come within so many seconds are drawn at once."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.look: Look[T] = Look()
        self._drawing = False

    # -- what each screen says

    @abstractmethod
    async def ask(self, client: AsyncClient) -> T:
        """One answer of the API."""

    @abstractmethod
    def compose_watched(self) -> Iterable[Widget]:
        """The widgets below the line of the age."""

    @abstractmethod
    def draw_watched(self, overview: OverviewView, known: T | None) -> None:
        """Brings the body to what is known; None: nothing yet, ``self.why`` says why."""

    def summary(self) -> str:
        """The line on top, beside the age."""
        return ""

    def aged(self, age: str) -> str:
        """How the age of what is known is said."""
        return self.session.t("look.age", age=age)

    # -- asking

    def on_screen_resume(self) -> None:
        self.ask_again()

    def on_screen_suspend(self) -> None:
        self.workers.cancel_group(self, "look")

    def ask_again(self) -> None:
        work: WorkType[None] = self._watch
        self.run_worker(work, group="look", exclusive=True)

    async def follow(self, client: AsyncClient) -> AsyncGenerator[T, None]:
        """Answers, one after the other, for ever."""
        while True:
            if not (self.session.state.paused and self.look.value is not None):
                yield await self.ask(client)
            await asyncio.sleep(self.EVERY)

    async def _watch(self) -> None:
        while True:
            try:
                async with self.session.connect() as client, aclosing(self.follow(client)) as answers:
                    async for answer in answers:
                        self.look.receive(answer, self.session.clock())
                        self._draw_soon()
            except ClusterError as exc:
                self.failed(exc)
            except ValidationError as exc:
                self.failed(_does_not_fit(exc))
            await asyncio.sleep(AGAIN_SECONDS)

    def failed(self, error: ClusterError) -> None:
        """No answer came; what is known stays."""
        self.look.fail(error)
        self._draw_soon()

    # -- drawing

    def _draw_soon(self) -> None:
        if not self._drawing:
            self._drawing = True
            self.set_timer(self.GATHERED, self._draw_now)

    def _draw_now(self) -> None:
        self._drawing = False
        self.draw()

    def compose_body(self) -> Iterable[Widget]:
        yield Lines(id="look")
        yield from self.compose_watched()

    def draw_data(self, overview: OverviewView) -> None:
        self.draw_watched(overview, self.look.value)

    def draw_clock(self) -> None:
        super().draw_clock()
        for line in self.query("#look").results(Lines):
            line.show(self._line())

    @property
    def why(self) -> str:
        """Why nothing is known; empty when something is."""
        if self.look.value is not None:
            return ""
        if self.look.error is None:
            return self.session.t("look.asking")
        words = self.session.told(self.look.error)
        hint = f"\n{self.session.t('notice.hint', hint=plain(words.hint))}" if words.hint else ""
        return f"✕ {plain(words.line)} ({self.look.error.code}){hint}"

    def _line(self) -> Text:
        session, look, colours = self.session, self.look, tones(self.app)
        if look.value is None:
            word = "look.failed" if look.error else "look.asking"
            return Text(f" {'✕' if look.error else '◔'} {session.t(word)}", colours["bad" if look.error else "warn"])
        age = session.words.figures.age(look.age(session.clock()))
        aged = self.aged(age)
        line = Text.assemble(" ", self.summary() or session.t("look.known"))
        if look.error is None:
            return line.append(f" · {aged}", colours["quiet"])
        reason = plain(session.told(look.error).line)
        return line.append(f" · ◐ {session.t('look.stale', age=age, reason=reason)}", colours["warn"])


def _does_not_fit(_error: ValidationError) -> Unavailable:
    return Unavailable("the cluster's version does not fit this program's", hint="cluster-ai version")
