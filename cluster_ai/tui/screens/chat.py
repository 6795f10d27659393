"""A talk with a model of the cluster: words as they come, and which node said them."""

from collections.abc import Iterable
from typing import ClassVar, Final

from rich.text import Text
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Static

from cluster_ai.client import plain
from cluster_ai.core.errors import ClusterError
from cluster_ai.tui.screens.live import LiveScreen
from cluster_ai.tui.session import Session
from cluster_ai.tui.talk import Talk, Turn, TurnState, talkative
from cluster_ai.tui.widgets.line import Lines
from cluster_ai.tui.widgets.tones import tones
from cluster_ai.views import OverviewView

GATHERED: Final = 0.15
"""Words that come within so many seconds are drawn at once."""
ANEW: Final = "/new"


class ChatScreen(LiveScreen):
    """The talk is the session's: who comes back finds it. An answer ends when its reader leaves."""

    AUTO_FOCUS = "#ask"
    DETAILED: ClassVar[str] = ""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._drawing = False
        self._views: dict[Turn, Static] = {}

    @property
    def talk(self) -> Talk:
        return self.session.talk

    def compose_body(self) -> Iterable[Widget]:
        yield Lines(id="look")
        yield VerticalScroll(Static(id="talk-empty", markup=False), id="talk")
        yield Input(id="ask", placeholder=self.session.t("chat.hint"), compact=True, max_length=100_000)

    def draw_data(self, overview: OverviewView) -> None:
        names = talkative(overview.models)
        self.talk.choose(names)
        self.query_one("#look", Lines).show(self._line(names))
        empty = self.query_one("#talk-empty", Static)
        empty.display = not self.talk.turns
        empty.update(self.session.t("chat.empty" if names else "chat.no_model"))
        self._draw_turns()

    def _line(self, names: list[str]) -> Text:
        t, colours = self.session.t, tones(self.app)
        line = Text.assemble(" ", (plain(self.talk.model) or "?", "bold"))
        return line.append(f" · {t('chat.models', count=len(names))} · {t('chat.keys')}", colours["quiet"])

    def _draw_turns(self) -> None:
        scroll = self.query_one("#talk", VerticalScroll)
        for gone in [turn for turn in self._views if turn not in self.talk.turns]:
            self._views.pop(gone).remove()
        follows = scroll.max_scroll_y - scroll.scroll_y <= 1
        for turn in self.talk.turns:
            if turn not in self._views:
                self._views[turn] = Static(classes="turn", markup=False)
                scroll.mount(self._views[turn])
            self._views[turn].update(self._told(turn))
        if follows:
            scroll.scroll_end(animate=False)

    def _told(self, turn: Turn) -> Text:
        colours = tones(self.app)
        text = Text.assemble((f"> {plain(turn.asked)}\n", f"bold {colours['accent']}"))
        text.append(plain(turn.said, keep="\n\t").strip())
        below = self._below(turn)
        if below:
            text.append(f"\n{below}" if turn.said else below, colours["bad" if turn.problem else "quiet"])
        return text

    def _below(self, turn: Turn) -> str:
        """Who said it and how fast, or why it ended."""
        t, figures = self.session.t, self.session.words.figures
        if turn.state is TurnState.FAILED:
            return f"✕ {plain(turn.problem)}"
        if turn.state is TurnState.WRITING and turn.first_after is None:
            return f"◔ {t('chat.waiting', model=plain(turn.model))}"
        facts = [
            t("chat.stopped") if turn.state is TurnState.STOPPED else "",
            plain(turn.served_by.node),
            "" if turn.first_after is None else t("chat.first", seconds=figures.number(turn.first_after, 1)),
            "" if turn.speed is None else f"{figures.number(turn.speed, 1)} tok/s",
            plain(turn.served_by.why),
        ]
        return " · ".join(fact for fact in facts if fact)

    # -- asking

    def entered(self) -> bool:
        field = self.query_one("#ask", Input)
        if self.focused is not field:
            self.set_focus(field)
            return True
        text = field.value.strip()
        if text == ANEW:
            self._begin_anew()
        elif text and not self.talk.is_writing:
            self._ask(text)
        else:
            return True
        field.value = ""
        return True

    def escaped(self) -> bool:
        if self.talk.is_writing:
            self.workers.cancel_group(self, "chat")
            return True
        if self.focused is self.query_one("#ask", Input):
            self.set_focus(self.query_one("#talk"))
            return True
        return False

    def narrow(self) -> None:
        if (overview := self.session.state.overview) and not self.talk.is_writing:
            self.talk.choose_next(talkative(overview.models))
            self.draw()

    def copied(self) -> str | None:
        """The last answer."""
        return next((turn.said for turn in reversed(self.talk.turns) if turn.said), None)

    def _begin_anew(self) -> None:
        self.workers.cancel_group(self, "chat")
        self.talk.turns = []
        self._draw_soon()

    def _ask(self, text: str) -> None:
        if not self.talk.model:
            self.notify(self.session.t("chat.no_model"), severity="warning", markup=False)
            return
        self.run_worker(self._answered(self.talk.ask(text, self.session.clock())), group="chat")
        self._draw_soon()

    async def _answered(self, turn: Turn) -> None:
        body = self.talk.body()
        try:
            async with self.session.connect() as client, client.chat(body) as answer:
                turn.served_by = answer.served_by
                async for line in answer.lines:
                    turn.read(line, self.session.clock())
                    self._draw_soon()
            turn.end(TurnState.DONE)
        except ClusterError as exc:
            turn.end(TurnState.FAILED, f"{self.session.told(exc).line} ({exc.code})")
        finally:
            turn.end(TurnState.STOPPED)
            if self.is_attached:
                self._draw_soon()

    def _draw_soon(self) -> None:
        if not self._drawing:
            self._drawing = True
            self.set_timer(GATHERED, self._draw_now)

    def _draw_now(self) -> None:
        self._drawing = False
        self.draw()
