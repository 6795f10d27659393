"""What every screen of live data has: state line on top, keys at the bottom, a filter, and a notice without data."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Input

from cluster_ai.tui.actions import Action, actions_for
from cluster_ai.tui.session import Session
from cluster_ai.tui.widgets.key_bar import KeyBar
from cluster_ai.tui.widgets.notice import Notice
from cluster_ai.tui.widgets.panel import Panel
from cluster_ai.tui.widgets.state_line import StateLine
from cluster_ai.views import OverviewView


class LiveScreen(Screen[None]):
    """A screen says what its body is and how a snapshot is drawn into it."""

    FILTERED: ClassVar[str] = "Panel"
    """Which panels the filter is for."""
    AUTO_FOCUS = "LiveTable"
    """Never the filter: on a screen without tables it would swallow the keys, unseen."""
    # The library declares these as variables of instances, so they cannot be marked as the class's.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]  # noqa: RUF012

    DETAILED: ClassVar[str] = "table-nodes"
    """The table whose rows ``d`` and a click open."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    @abstractmethod
    def compose_body(self) -> Iterable[Widget]:
        """The widgets between state line and keys."""

    @abstractmethod
    def draw_data(self, overview: OverviewView) -> None:
        """Brings the body to ``overview``."""

    def compose(self) -> ComposeResult:
        yield StateLine(self.session)
        with ContentSwitcher(initial="notice", id="switch"):
            yield Notice(self.session)
            with Vertical(id="body"):
                yield from self.compose_body()
        yield Input(id="filter", placeholder=self.session.t("filter.hint"), compact=True)
        yield KeyBar(self.session)

    def on_mount(self) -> None:
        # The first sizes are known only after the first layout.
        self.call_after_refresh(self.draw)

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Everything: for a new snapshot."""
        overview = self.session.state.overview
        if overview is not None:
            self.query_one(ContentSwitcher).current = "body"
            self.draw_data(overview)
        self.draw_clock()

    def draw_clock(self) -> None:
        """What changes with time alone. A screen that just comes or goes may have nothing to draw on."""
        for line in self.query(StateLine):
            line.draw()
        self.query("#body").set_class(self.session.link() == "stale", "-stale")
        if self.session.state.overview is None:
            for notice in self.query(Notice):
                notice.draw()

    @property
    def panels(self) -> list[Panel]:
        return list(self.query(Panel))

    def panel(self) -> Panel | None:
        """The one that has the focus, else the first; None where a screen has no tables."""
        held = [panel for panel in self.panels if panel.has_focus_within]
        return next(iter(held or self.panels), None)

    # -- what differs from screen to screen

    def deeper(self) -> "LiveScreen | None":
        """What ``d`` opens."""
        return None

    def anew(self) -> "LiveScreen":
        """The same screen, made again: in another language."""
        return type(self)(self.session)

    def copied(self) -> str | None:
        """What ``y`` copies."""
        panel = self.panel()
        return panel.table.selected if panel else None

    def actions(self) -> list[Action]:
        """What ``x`` offers."""
        return actions_for(self.session.state.overview, self.session.t)

    def ask_again(self) -> None:
        """Asks now for what the screen asks for by itself."""

    def turn(self, step: int) -> None:
        """To the next page of a long list, or the one before (-1)."""

    def narrow(self) -> None:
        """Shows another part of a list: the next level, the next state."""

    def entered(self) -> bool:
        """Whether Enter was meant for a field of the screen, not for what is under the cursor."""
        return self._keep_filter()

    def escaped(self) -> bool:
        """Whether Esc had something to end here; else it leads back."""
        return self._close_filter()

    # -- filter

    def open_filter(self) -> None:
        if not self.panels:
            return
        field = self.query_one("#filter", Input)
        # Shown and focused at once, not after the next layout: keys typed ahead must go into the field.
        field.display = True
        self.set_focus(field)

    def _keep_filter(self) -> bool:
        """Whether one was being typed; keys go to the table at once, those typed ahead too."""
        if self.focused is not self.query_one("#filter", Input):
            return False
        self.set_focus(self.panels[0].table)
        return True

    def _close_filter(self) -> bool:
        """Whether there was one to close."""
        field = self.query_one("#filter", Input)
        if not field.display:
            return False
        field.display = False
        field.value = ""
        self.panels[0].table.focus()
        return True

    @on(Input.Changed, "#filter")
    def _filter(self, event: Input.Changed) -> None:
        for panel in self.query(self.FILTERED).results(Panel):
            panel.filter(event.value)
        self.draw()
