"""The bar at the bottom: the keys that are used most, in the language chosen."""

from rich.text import Text

from cluster_ai.tui.keys import KEYS, SCREENS
from cluster_ai.tui.session import Session
from cluster_ai.tui.widgets.line import Lines
from cluster_ai.tui.widgets.tones import tones


class KeyBar(Lines):
    """Never changes but with theme and language."""

    def __init__(self, session: Session) -> None:
        super().__init__(id="keys")
        self._session = session

    def on_mount(self) -> None:
        self.draw()
        self.app.theme_changed_signal.subscribe(self, lambda _: self.draw())

    def draw(self) -> None:
        colours = tones(self.app)
        bar = Text.assemble(" ", (SCREENS, f"bold {colours['accent']}"), f" {self._session.t('key.screens')}  ")
        for key in KEYS:
            if key.on_bar and not (self._session.read_only and key.action == "actions"):
                bar.append(key.shown, f"bold {colours['accent']}").append(f" {self._session.t(f'key.{key.text}')}  ")
        self.show(bar)
