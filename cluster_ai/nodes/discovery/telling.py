"""Where the sources of a search put what they find, so that it is told once and together."""

from collections.abc import Callable

from cluster_ai.nodes.discovery.finds import Finds, Hint
from cluster_ai.nodes.discovery.types import Event, Found, Progress


class Telling:
    """Shared by the sources; they run on one loop."""

    def __init__(self, finds: Finds, tell: Callable[[Event], None]) -> None:
        self.finds = finds
        self.problems: dict[str, str] = {}
        self._tell = tell
        self._last: dict[str, Found] = {}

    def hint(self, hint: Hint) -> Found:
        """Takes what a source found, and tells what is known now if that is more than before."""
        found = self.finds.add(hint)
        if self._last.get(found.id) != found:
            self._last[found.id] = found
            self._tell(found)
        return found

    def progress(self, stage: str, done: int, total: int) -> None:
        self._tell(Progress(stage=stage, done=done, total=total))

    def problem(self, source: str, why: str) -> None:
        """A source could not be used; the others go on."""
        self.problems[source] = why
