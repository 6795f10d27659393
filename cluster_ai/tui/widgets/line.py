"""One or more lines of styled text that are drawn again only when they change."""

from rich.text import Text
from textual.geometry import Region
from textual.widget import Widget


class Lines(Widget):
    """Shows ``lines``; drawing again covers the lines that differ and no others."""

    DEFAULT_CSS = "Lines { height: 1; width: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Text, ...] = ()

    @property
    def text(self) -> str:
        return "\n".join(line.plain for line in self._lines)

    def show(self, *lines: Text) -> None:
        before, self._lines = self._lines, lines
        if len(before) != len(lines):
            self.refresh()
            return
        for number, (old, new) in enumerate(zip(before, lines, strict=True)):
            if old != new or old.spans != new.spans or old.style != new.style:
                self.refresh(Region(0, number, max(1, self.size.width), 1))

    def render(self) -> Text:
        return Text("\n").join(self._lines)
