"""A screen of things that come one by one: the newest on top, the oldest forgotten."""

from abc import abstractmethod
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import ClassVar, Final, Generic, TypeVar

from textual import on
from textual.widget import Widget
from textual.widgets import Static

from cluster_ai.client import AsyncClient
from cluster_ai.tui.rows import Column, Row
from cluster_ai.tui.screens.watching import WatchScreen
from cluster_ai.tui.session import Session
from cluster_ai.tui.widgets.live_table import LiveTable
from cluster_ai.tui.widgets.panel import Panel
from cluster_ai.views import OverviewView

T = TypeVar("T")
REMEMBERED: Final = 200
"""Things that are kept to look at."""


class StreamScreen(WatchScreen[int], Generic[T]):
    """``look`` counts what came. While paused things are gathered, and what is shown stays."""

    NAME: ClassVar[str] = ""
    """Of its panel."""
    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    GATHERED: ClassVar[float] = 0.5

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.seen: deque[tuple[int, T]] = deque(maxlen=REMEMBERED)
        self._shown: list[tuple[int, T]] = []
        self._count = 0

    @abstractmethod
    def things(self, client: AsyncClient) -> AsyncGenerator[list[T], None]:
        """Those that are there, oldest first, then those that come. An empty list: connected, and nothing there."""

    @abstractmethod
    def row(self, thing: T) -> Row:
        """As the table shows it; the key is not used."""

    @abstractmethod
    def whole(self, thing: T) -> str:
        """All of it, for below the table."""

    async def ask(self, client: AsyncClient) -> int:  # noqa: ARG002 - nothing is asked: things come
        return self._count

    async def follow(self, client: AsyncClient) -> AsyncGenerator[int, None]:
        async with aclosing(self.things(client)) as things:
            async for found in things:
                for thing in found:
                    self._count += 1
                    self.seen.append((self._count, thing))
                yield self._count

    def forget(self) -> None:
        """Begins anew: other things are asked for."""
        self.seen.clear()
        self.look.value = None
        self.ask_again()

    def aged(self, age: str) -> str:
        return self.session.t("look.last", age=age) if self.seen else self.session.t("look.listening")

    def compose_watched(self) -> Iterable[Widget]:
        panel = Panel(self.NAME, self.COLUMNS, self.session.t)
        panel.table.top_stays = True
        yield panel
        yield Static(id="pane", markup=False)

    def draw_watched(self, overview: OverviewView, known: int | None) -> None:  # noqa: ARG002 - things are enough
        if not (self.session.state.paused and self._shown):
            self._shown = list(reversed(self.seen))
        shown = [Row(str(number), self.row(thing).cells) for number, thing in self._shown]
        self.query_one(Panel).show(shown, empty=self.why)
        self._draw_pane()

    @on(LiveTable.RowHighlighted)
    def _draw_pane(self) -> None:
        self.query_one("#pane", Static).update(self.copied() or "")

    def copied(self) -> str | None:
        """All of the thing under the cursor."""
        selected = self.query_one(Panel).table.selected
        chosen = next((thing for number, thing in self._shown if str(number) == selected), None)
        return self.whole(chosen) if chosen is not None else None
