"""The questions: which action, and is it meant."""

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static

from cluster_ai.client import plain
from cluster_ai.tui.actions import Action
from cluster_ai.tui.session import Session


class ChooseAction(ModalScreen[Action | None]):
    """A list of actions; answers the one chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", show=False)]

    def __init__(self, session: Session, actions: list[Action]) -> None:
        super().__init__()
        self._session = session
        self._actions = actions

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._session.t("action.title")
            yield OptionList(*(Text(plain(action.title)) for action in self._actions))
            yield Static(self._session.t("action.keys"), classes="quiet", markup=False)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._actions[event.option_index])


class Confirm(ModalScreen[bool]):
    """Asks for the name of what is interrupted; only that very name means yes."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(False)", show=False)]

    def __init__(self, session: Session, action: Action) -> None:
        super().__init__()
        self._session = session
        self._action = action

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain(self._action.title)
            yield Static(self._session.t("confirm.type", name=plain(self._action.name)), markup=False)
            yield Input(id="confirm", compact=True)
            yield Static("", id="confirm-wrong", markup=False)

    @on(Input.Submitted, "#confirm")
    def _typed(self, event: Input.Submitted) -> None:
        if event.value.strip() == self._action.name:
            self.dismiss(True)  # noqa: FBT003 - the library's signature
            return
        self.query_one("#confirm-wrong", Static).update(self._session.t("confirm.wrong"))
