"""The line on top: which cluster, how it is, and how old the data are."""

from rich.text import Text

from cluster_ai.client import plain
from cluster_ai.tui.session import Session
from cluster_ai.tui.state import Link
from cluster_ai.tui.widgets.line import Lines
from cluster_ai.tui.widgets.tones import tones
from cluster_ai.views import OverviewView

MARKS = {Link.CONNECTING: "◔", Link.LIVE: "●", Link.STALE: "◐", Link.FAILED: "✕"}
TONES = {Link.CONNECTING: "warn", Link.LIVE: "good", Link.STALE: "warn", Link.FAILED: "bad"}


class StateLine(Lines):
    """Always there, on every screen."""

    def __init__(self, session: Session) -> None:
        super().__init__(id="state")
        self._session = session

    def draw(self) -> None:
        colours = tones(self.app)
        left, right = self._left(colours), self._right(colours)
        gap = max(1, self.size.width - left.cell_len - right.cell_len)
        if left.cell_len + right.cell_len >= self.size.width:
            left.truncate(max(0, self.size.width - right.cell_len - 1), overflow="ellipsis")
        self.show(Text.assemble(left, " " * gap, right))

    def on_resize(self) -> None:
        self.draw()

    def _left(self, colours: dict[str, str]) -> Text:
        overview = self._session.state.overview
        if overview is None:
            return Text.assemble((" cluster-ai ", "bold"), (plain(self._session.url), colours["quiet"]))
        name = Text.assemble((f" {plain(overview.system.name)} ", "bold"))
        return name.append_text(self._health(overview, colours))

    def _health(self, overview: OverviewView, colours: dict[str, str]) -> Text:
        t, trouble = self._session.t, self._session.state.trouble
        if trouble and self._session.link() is Link.STALE:
            return Text(f"✕ {plain(self._session.told(trouble.error).line)}", colours["bad"])
        problems, total = len(overview.system.problems), len(overview.nodes)
        up = sum(node.state in {"healthy", "suspect"} for node in overview.nodes)
        word = t("health.good") if not problems else t("health.one") if problems == 1 else t("health.many", n=problems)
        mark, tone = ("●", "good") if not problems else ("◐", "warn")
        return Text.assemble((f"{mark} {word}", colours[tone]), f" · {t('health.nodes', up=up, total=total)}")

    def _right(self, colours: dict[str, str]) -> Text:
        session, link = self._session, self._session.link()
        t, state = session.t, session.state
        text = t(f"link.{link}", age=session.words.figures.age(state.age(session.clock())))
        whole = Text(f"{MARKS[link]} {text} ", colours[TONES[link]])
        if state.paused:
            whole = Text.assemble((f"‖ {t('link.paused')} · ", colours["warn"]), whole)
        if session.read_only:
            whole = Text.assemble((f"{t('link.read_only')} · ", colours["quiet"]), whole)
        return whole
