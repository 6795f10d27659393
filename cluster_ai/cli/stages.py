"""How an addition looks: one line for each stage, and what the installer says in between."""

import contextlib
import signal
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import click

from cluster_ai.cli import show
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from rich.status import Status

    from cluster_ai.nodes.ssh.steps import Step

_MARKS: Final = {"done": ("✔", "green"), "failed": ("✘", "red")}


class Stages:
    """Says each stage once; on a terminal a spinner shows the one that goes on."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._status = None if quiet or not show.is_terminal(err=True) else _spinner()

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._status:
            self._status.stop()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """While a person is asked nothing moves."""
        if self._status:
            self._status.stop()
        try:
            yield
        finally:
            if self._status:
                self._status.start()

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """A person is asked: nothing moves, not even the loop, and Ctrl-C ends the question at once."""
        # In a thread the question would outlive Ctrl-C; and the loop's own way to take that only marks its task.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with self.paused():
                yield
        finally:
            signal.signal(signal.SIGINT, before)

    def connecting(self, machine: str) -> None:
        self._now(t("add.stage.connect", machine=show.safe(machine)))

    def tell(self, step: "Step") -> None:
        """Whatever the adder tells."""
        name = t(f"add.stage.{step.stage}", machine="")
        match str(step.sign):
            case "begun":
                self._now(name)
            case "moved" if step.total:
                self._now(f"{name} {show.safe(step.text)} {100 * step.done // step.total} %")
            case "said":
                self._say(f"    {show.safe(step.text)}")
            case "done" | "failed" as sign:
                mark, colour = _MARKS[sign]
                self._say(f"{click.style(mark, fg=colour)} {' '.join(filter(None, (name, _told(step))))}")

    def _now(self, text: str) -> None:
        if self._status:
            self._status.update(text)

    def _say(self, text: str) -> None:
        if self._quiet:
            return
        if self._status:
            from rich.text import Text

            self._status.console.print(Text.from_ansi(text))
        else:
            show.say(text)


def _told(step: "Step") -> str:
    """What was taken back is said in words; the rest is the machine's own."""
    if str(step.stage) != "undo":
        return show.safe(step.text)
    what, _, why = step.text.partition(": ")
    return " ".join(filter(None, (t(f"add.undo.{what}"), show.safe(why))))


def _spinner() -> "Status":
    from rich.console import Console

    return Console(stderr=True).status("")
