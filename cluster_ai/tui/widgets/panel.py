"""A titled table: count, filter and sort in its title, a sentence when it is empty."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from cluster_ai.core.i18n import Translate
from cluster_ai.tui.rows import Column, Row
from cluster_ai.tui.widgets.live_table import LiveTable


class Panel(Vertical):
    """``name`` of the things in it: texts ``panel.NAME`` and ``empty.NAME``."""

    DEFAULT_CSS = """
    Panel { border-top: solid $panel; border-title-color: $foreground; border-title-style: bold; }
    Panel:focus-within { border-top: solid $accent; border-title-color: $accent; }
    Panel > Static { color: $warning; padding: 0 1; display: none; }
    Panel.-empty > Static { display: block; }
    Panel.-empty > LiveTable { display: none; }
    """

    def __init__(self, name: str, columns: Sequence[Column], t: Translate) -> None:
        super().__init__(id=f"panel-{name}")
        self._of = name
        self._t = t
        self._rows: Sequence[Row] = ()
        self._filter = ""
        self._sort: tuple[int, bool] | None = None
        self._titled = ""
        self.table = LiveTable(columns, t, id=f"table-{name}")

    def compose(self) -> ComposeResult:
        yield self.table
        yield Static(id=f"empty-{self._of}", markup=False)

    def show(self, rows: Sequence[Row], *, empty: str = "") -> None:
        """``empty`` is said instead of the usual sentence when there are none (why they cannot be known)."""
        self._rows = rows
        shown = self._arranged()
        self.table.sync(shown)
        title = self._title(len(shown))
        if title != self._titled:
            # Setting a title draws the whole panel again, table and all.
            self._titled = title
            self.border_title = Content(title)
        self.set_class(not shown, "-empty")
        if not shown:
            words = self._t("empty.filter", filter=self._filter) if rows else empty or self._t(f"empty.{self._of}")
            self.query_one(Static).update(words)

    def filter(self, text: str) -> None:
        self._filter = text
        self.show(self._rows)

    def sort_next(self) -> None:
        """By the next column; after the last in the order given."""
        column = 0 if self._sort is None else self._sort[0] + 1
        last = len(self.table.specs) - 1
        # Figures are read from the top down, names from the front.
        self._sort = None if column > last else (column, self.table.specs[column].numeric)
        self.show(self._rows)

    def sort_back(self) -> None:
        """The other way round."""
        if self._sort is not None:
            self._sort = (self._sort[0], not self._sort[1])
            self.show(self._rows)

    def _arranged(self) -> list[Row]:
        rows = [row for row in self._rows if not self._filter or row.matches(self._filter)]
        if self._sort is not None:
            column, down = self._sort
            rows.sort(key=lambda row: row.cells[column].order, reverse=down)
        return rows

    def _title(self, shown: int) -> str:
        count = f"{shown}/{len(self._rows)}" if self._filter else str(len(self._rows))
        title = f"{self._t(f'panel.{self._of}')} {count}"
        if self._sort is not None:
            column, down = self._sort
            title += f" · {self._t(f'column.{self.table.specs[column].key}')} {'↓' if down else '↑'}"
        return title
