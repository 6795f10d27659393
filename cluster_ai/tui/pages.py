"""Where one stands in a list that the API gives page by page. Pure."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Pages:
    """``cursor`` asks for the page that is shown; ``next`` for the one that follows, empty at the end."""

    cursor: str = ""
    next: str = ""
    _before: list[str] = field(default_factory=list)

    @property
    def number(self) -> int:
        """Of the page that is shown, from 1."""
        return len(self._before) + 1

    def turn(self, step: int) -> bool:
        """Whether there was such a page."""
        if step > 0 and self.next:
            self._before.append(self.cursor)
            self.cursor, self.next = self.next, ""
            return True
        if step < 0 and self._before:
            self.cursor, self.next = self._before.pop(), ""
            return True
        return False

    def restart(self) -> None:
        """To the first page: of another list."""
        self.cursor, self.next = "", ""
        self._before.clear()
