"""Every key in one table: the bindings, the bar at the bottom, the palette and the help are made from it."""

from dataclasses import dataclass
from typing import Final

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Key:
    """``names`` as Textual has them; ``shown`` as people type it. Texts: ``key.ACTION`` and ``help.ACTION``."""

    names: str
    shown: str
    action: str
    on_bar: bool = False
    letter: str = ""
    """The same for those who think in words."""

    @property
    def all_shown(self) -> str:
        return f"{self.shown} {self.letter}".rstrip()

    @property
    def text(self) -> str:
        return self.action.replace("(", "_").replace("')", "").replace("'", "")


KEYS: Final = (
    Key("1,o", "1", "open('overview')", letter="o"),
    Key("2", "2", "open('nodes')"),
    Key("3,m", "3", "open('metrics')", letter="m"),
    Key("4,t", "4", "open('topology')", letter="t"),
    Key("5,l", "5", "open('logs')", letter="l"),
    Key("6", "6", "open('models')"),
    Key("7", "7", "open('routing')"),
    Key("8", "8", "open('slos')"),
    Key("9", "9", "open('tickets')"),
    Key("0", "0", "open('events')"),
    Key("c", "c", "open('chat')"),
    Key("d", "d", "detail", on_bar=True),
    Key("enter", "⏎", "enter"),
    Key("slash", "/", "filter", on_bar=True),
    Key("s", "s", "sort", on_bar=True),
    Key("S", "S", "sort_back"),
    Key("f", "f", "narrow"),
    Key("n", "n", "page_next"),
    Key("p", "p", "page_back"),
    Key("space", "␣", "pause"),
    Key("colon", ":", "command"),
    Key("x", "x", "actions", on_bar=True),
    Key("y", "y", "copy"),
    Key("r", "r", "reconnect"),
    Key("T", "T", "theme"),
    Key("L", "L", "language"),
    Key("f2", "F2", "mouse"),
    Key("question_mark", "?", "help", on_bar=True),
    Key("q", "q", "quit", on_bar=True),
    Key("escape", "esc", "back"),
)
# With priority the App carries keys out as typed. Without it a key typed ahead goes to the widget that had the
# focus before the key in front of it took effect: ``/down`` in one go would open the filter and a node.
BINDINGS: Final = [Binding(key.names, key.action, key.text, show=False, priority=True) for key in KEYS]
ACTIONS: Final = frozenset(key.action.split("(", 1)[0] for key in KEYS)
SCREENS: Final = "0-9"
"""The keys of screens, as the bar names them."""
