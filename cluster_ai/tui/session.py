"""What every screen is given: state to read, words to say it in, and a clock."""

from collections.abc import Callable
from dataclasses import dataclass

from cluster_ai.core.errors import ClusterError
from cluster_ai.core.i18n import Lang, translator
from cluster_ai.core.sentences import Told, told
from cluster_ai.tui.figures import Figures
from cluster_ai.tui.rows import Wording
from cluster_ai.tui.state import Link, State

DOMAIN = "tui"


@dataclass(slots=True)
class Session:
    """Owned by the App. ``lang`` changes while it runs; screens made afterwards speak the new one."""

    url: str
    lang: Lang
    clock: Callable[[], float]
    state: State
    read_only: bool = False

    @property
    def words(self) -> Wording:
        return Wording(translator(self.lang, DOMAIN), Figures(self.lang))

    def t(self, key: str, /, **fields: object) -> str:
        return translator(self.lang, DOMAIN)(key, **fields)

    def told(self, error: ClusterError) -> Told:
        return told(error, self.lang)

    def link(self) -> Link:
        return self.state.link(self.clock())
