"""A screen of a long list that the API gives page by page, and in one state if that is wanted."""

from typing import ClassVar, Self, TypeVar

from cluster_ai.tui.pages import Pages
from cluster_ai.tui.screens.watching import WatchScreen
from cluster_ai.tui.session import Session

T = TypeVar("T")


class PagedScreen(WatchScreen[T]):
    """``state`` is asked for; empty for all."""

    STATES: ClassVar[tuple[str, ...]] = ("",)
    """What ``f`` goes through."""

    def __init__(self, session: Session, state: str = "") -> None:
        super().__init__(session)
        self.pages = Pages()
        self.state = state

    def summary(self) -> str:
        """Which page, of which state, and the keys to others."""
        t, pages = self.session.t, self.pages
        more = t("page.more") if pages.next else t("page.last")
        state = t(f"work.{self.state}") if self.state else t("page.all")
        return t("page.summary", page=pages.number, more=more, state=state)

    def anew(self) -> Self:
        return type(self)(self.session, self.state)

    def turn(self, step: int) -> None:
        if self.pages.turn(step):
            self.ask_again()

    def narrow(self) -> None:
        self.state = self.STATES[(self.STATES.index(self.state) + 1) % len(self.STATES)]
        self.pages.restart()
        self.ask_again()
