"""What fills the screen while there are no data: connecting, or why not and what to do."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Center, Middle
from textual.widgets import Static

from cluster_ai.client import plain
from cluster_ai.tui.session import Session
from cluster_ai.tui.widgets.tones import tones


class Notice(Middle):
    """Drawn once a second by its screen."""

    DEFAULT_CSS = """
    Notice { height: 1fr; }
    Notice Static { width: auto; max-width: 90%; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__(id="notice")
        self._session = session
        self._shown = Text()

    def compose(self) -> ComposeResult:
        with Center():
            yield Static(id="notice-text", markup=False)

    def draw(self) -> None:
        text = self._text(tones(self.app))
        if text != self._shown:
            self._shown = text
            self.query_one(Static).update(text)

    def _text(self, colours: dict[str, str]) -> Text:
        session = self._session
        trouble = session.state.trouble
        if trouble is None:
            return Text(f"◔ {session.t('notice.connecting', url=plain(session.url))}", colours["warn"])
        wait = max(0, round(trouble.next_at - session.clock()))
        words = session.told(trouble.error)
        lines: list[str | tuple[str, str]] = [
            (f"✕ {plain(words.line)}\n", colours["bad"]),
            (f"{trouble.error.code}\n\n", colours["quiet"]),
            f"{session.t('notice.hint', hint=plain(words.hint))}\n" if words.hint else "",
            (session.t("notice.retry", seconds=wait), colours["quiet"]),
        ]
        return Text.assemble(*lines)
