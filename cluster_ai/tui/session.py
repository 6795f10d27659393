"""What every screen is given: state to read, words to say it in, and a clock."""

from collections.abc import Callable
from dataclasses import dataclass, field

from cluster_ai.client import AsyncClient
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.i18n import Lang, translator
from cluster_ai.core.sentences import Told, told
from cluster_ai.tui.figures import Figures
from cluster_ai.tui.rows import Wording
from cluster_ai.tui.state import Link, State
from cluster_ai.tui.talk import Talk

DOMAIN = "tui"
REMEMBERED = 50
"""Commands."""


@dataclass(slots=True)
class Session:
    """Owned by the App. ``lang`` changes while it runs; screens made afterwards speak the new one.

    ``connect`` opens the API for what a screen asks by itself.
    """

    url: str
    lang: Lang
    clock: Callable[[], float]
    state: State
    connect: Callable[[], AsyncClient]
    read_only: bool = False
    command: tuple[str, ...] = ()
    """What starts the command line; empty where its verbs would speak of another cluster than the one shown."""
    talk: Talk = field(default_factory=Talk)
    typed: list[str] = field(default_factory=list)
    """Commands that were typed, the newest at the end."""

    @property
    def words(self) -> Wording:
        return Wording(translator(self.lang, DOMAIN), Figures(self.lang))

    def t(self, key: str, /, **fields: object) -> str:
        return translator(self.lang, DOMAIN)(key, **fields)

    def told(self, error: ClusterError) -> Told:
        return told(error, self.lang)

    def remember(self, typed: str) -> None:
        """A command, for ``↑``."""
        self.typed = [*(one for one in self.typed if one != typed), typed][-REMEMBERED:]

    def link(self) -> Link:
        return self.state.link(self.clock())
