"""Every key, and what it does."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from cluster_ai.tui.keys import KEYS
from cluster_ai.tui.session import Session


class HelpScreen(ModalScreen[None]):
    """Made from the table of keys, so it cannot fall behind."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "dismiss(None)", show=False)]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def compose(self) -> ComposeResult:
        t = self._session.t
        lines = [(key.all_shown, t(f"help.{key.text}")) for key in KEYS]
        lines += [("↑ ↓ PgUp PgDn", t("help.move")), ("Tab", t("help.tab")), ("Ctrl-P", t("help.palette"))]
        with VerticalScroll(classes="dialog") as dialog:
            dialog.border_title = t("help.title")
            text = Text("\n").join(Text.assemble((keys.ljust(15), "bold"), words) for keys, words in lines)
            yield Static(text, markup=False)
