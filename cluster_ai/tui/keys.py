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

    @property
    def text(self) -> str:
        return self.action.replace("(", "_").replace("')", "").replace("'", "")


KEYS: Final = (
    Key("o,1", "o", "open('overview')", on_bar=True),
    Key("2", "2", "open('nodes')", on_bar=True),
    Key("d", "d", "detail", on_bar=True),
    Key("enter", "⏎", "enter"),
    Key("slash", "/", "filter", on_bar=True),
    Key("s", "s", "sort", on_bar=True),
    Key("S", "S", "sort_back"),
    Key("space", "␣", "pause"),
    Key("x", "x", "actions", on_bar=True),
    Key("y", "y", "copy"),
    Key("r", "r", "reconnect"),
    Key("T", "T", "theme"),
    Key("L", "L", "language"),
    Key("question_mark", "?", "help", on_bar=True),
    Key("q", "q", "quit", on_bar=True),
    Key("escape", "esc", "back"),
)
# With priority the App carries keys out as typed. Without it a key typed ahead goes to the widget that had the
# focus before the key in front of it took effect: ``/down`` in one go would open the filter and a node.
BINDINGS: Final = [Binding(key.names, key.action, key.text, show=False, priority=True) for key in KEYS]
ACTIONS: Final = frozenset(key.action.split("(", 1)[0] for key in KEYS)
