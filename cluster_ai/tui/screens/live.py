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
    # The library declares these as variables of instances, so they cannot be marked as the class's.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]  # noqa: RUF012

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

    def panel(self) -> Panel:
        """The one that has the focus, else the first."""
        held = [panel for panel in self.panels if panel.has_focus_within]
        return (held or self.panels)[0]

    @property
    def node(self) -> str | None:
        """The node that ``d`` opens."""
        return self.query_one("#panel-nodes", Panel).table.selected

    # -- filter

    def open_filter(self) -> None:
        field = self.query_one("#filter", Input)
        # Shown and focused at once, not after the next layout: keys typed ahead must go into the field.
        field.display = True
        self.set_focus(field)

    def keep_filter(self) -> bool:
        """Whether one was being typed; keys go to the table at once, those typed ahead too."""
        if self.focused is not self.query_one("#filter", Input):
            return False
        self.set_focus(self.panels[0].table)
        return True

    def close_filter(self) -> bool:
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
