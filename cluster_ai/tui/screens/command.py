"""``:``, the command line's verbs without leaving the TUI."""

from typing import ClassVar, Final

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, RichLog, Static

from cluster_ai.client import plain
from cluster_ai.core.errors import ClusterError
from cluster_ai.tui import verbs
from cluster_ai.tui.session import Session

KEPT: Final = 2000
"""Lines of what a verb said."""
OFFERED: Final = 40
"""Completions that are shown."""


class CommandScreen(ModalScreen[None]):
    """A line to type, and what came of it. Esc ends what runs, then closes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False, priority=True),
        Binding("tab", "complete", show=False, priority=True),
        Binding("up", "recall(-1)", show=False, priority=True),
        Binding("down", "recall(1)", show=False, priority=True),
        Binding("pageup", "page(-1)", show=False, priority=True),
        Binding("pagedown", "page(1)", show=False, priority=True),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._at = len(session.typed)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide") as dialog:
            dialog.border_title = self._session.t("command.title")
            yield RichLog(id="said", max_lines=KEPT, wrap=True, markup=False, auto_scroll=True)
            yield Input(id="command", placeholder=self._session.t("command.hint"), compact=True)
            yield Static(self._session.t("command.keys"), classes="quiet", markup=False)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Submitted, "#command")
    def _typed(self, event: Input.Submitted) -> None:
        typed = event.value.strip()
        if not typed or self._runs:
            return
        self._session.remember(typed)
        self._at = len(self._session.typed)
        event.input.value = ""
        self._say(f"$ {typed}", "bold")
        try:
            words = verbs.words_of(typed)
        except ClusterError as exc:
            self._complain(exc)
            return
        self.run_worker(self._run(words), group="verb")

    async def _run(self, words: list[str]) -> None:
        session, width = self._session, max(40, self.query_one(RichLog).size.width - 1)
        try:
            async with verbs.begun([*session.command, *words], lang=session.lang, width=width) as lines:
                async for line in lines:
                    self._say(line)
        except OSError as exc:
            self._say(str(exc.strerror), "bold")

    def _complain(self, error: ClusterError) -> None:
        words = self._session.told(error)
        self._say(f"✕ {words.line} ({error.code})", "bold")
        if words.hint:
            self._say(words.hint)

    def _say(self, line: str, style: str = "") -> None:
        self.query_one(RichLog).write(Text(plain(line, keep="\t").expandtabs(8), style))

    @property
    def _runs(self) -> bool:
        return any(worker.group == "verb" and worker.is_running for worker in self.workers if worker.node is self)

    # -- keys

    def action_leave(self) -> None:
        if self._runs:
            self.workers.cancel_group(self, "verb")
            self._say(self._session.t("command.ended"), "bold")
        else:
            self.dismiss(None)

    def action_complete(self) -> None:
        self.run_worker(self._complete(), group="complete", exclusive=True)

    async def _complete(self) -> None:
        field = self.query_one(Input)
        typed = field.value.removeprefix(f"{verbs.NAME} ")
        found = await verbs.completed(self._session.command, typed)
        if field.value.removeprefix(f"{verbs.NAME} ") != typed or not found:
            return
        done, _, _ = typed.rpartition(" ")
        common = _common(found) + (" " if len(found) == 1 else "")
        field.value = f"{done} {common}".lstrip()
        field.cursor_position = len(field.value)
        if len(found) > 1:
            self._say("  ".join(found[:OFFERED]) + ("  …" if len(found) > OFFERED else ""))

    def action_recall(self, step: int) -> None:
        typed, field = self._session.typed, self.query_one(Input)
        self._at = min(max(self._at + step, 0), len(typed))
        field.value = typed[self._at] if self._at < len(typed) else ""
        field.cursor_position = len(field.value)

    def action_page(self, step: int) -> None:
        said = self.query_one(RichLog)
        said.scroll_relative(y=step * max(1, said.size.height - 1), animate=False)


def _common(words: list[str]) -> str:
    """What all begin with. Pure."""
    low, high = min(words), max(words)
    alike = (at for at, (one, other) in enumerate(zip(low, high, strict=False)) if one != other)
    return low[: next(alike, len(low))]
