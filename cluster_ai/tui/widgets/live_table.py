"""A table whose cells are changed one by one: only what differs is drawn, and sent to the terminal, again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import DataTable
from textual.widgets.data_table import ColumnKey, RowKey

from cluster_ai.core.i18n import Translate
from cluster_ai.tui.rows import Cell, Column, Row
from cluster_ai.tui.widgets.tones import tones

MOST_CELLS: Final = 512
MOST_ROWS: Final = 64
"""Of a table on a large screen; what is drawn is kept for a redraw."""


@dataclass(frozen=True, slots=True)
class Painted:
    """A cell in place. Its colour is looked up when it is drawn, so a new theme needs no new cells."""

    row: str
    cell: Cell
    numeric: bool
    colours: Mapping[str, str]

    def __rich__(self) -> Text:
        style = self.colours.get(self.cell.tone, "")
        text = Text(self.cell.text, style, no_wrap=True, overflow="ellipsis")
        text.justify = "right" if self.numeric else "left"
        return text


class LiveTable(DataTable[Painted]):
    """Rows by key; ``sync`` brings it to the wanted rows with as few changes as it takes."""

    def __init__(self, columns: Sequence[Column], t: Translate, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(cursor_type="row", cursor_foreground_priority="renderable", id=id)
        self._bound_caches()
        self.specs = tuple(columns)
        self._colours: dict[str, str] = {}
        self.top_stays = False
        """A cursor on the first row stays there when new rows come above it."""
        for column in self.specs:
            heading = Text(t(f"column.{column.key}"), justify="right" if column.numeric else "left")
            self.add_column(heading, key=column.key)

    def on_mount(self) -> None:
        self._recolour()
        self.app.theme_changed_signal.subscribe(self, lambda _: self._recolour())

    @property
    def selected(self) -> str | None:
        """The key of the row under the cursor."""
        keys = self.keys
        return keys[self.cursor_row] if 0 <= self.cursor_row < len(keys) else None

    @property
    def keys(self) -> list[str]:
        """Of the rows, from top to bottom."""
        return [row.key.value or "" for row in self.ordered_rows]

    def sync(self, rows: Sequence[Row]) -> None:
        """Shows exactly ``rows`` in that order; the cursor stays with its row."""
        selected = None if self.top_stays and self.cursor_row == 0 else self.selected
        wanted = [row.key for row in rows]
        for gone in set(self.keys) - set(wanted):
            self.remove_row(gone)
        present = set(self.keys)
        for row in rows:
            if row.key in present:
                self._change(row)
            else:
                self.add_row(*self._painted(row), key=row.key)
        if self.keys != wanted:
            place = {key: index for index, key in enumerate(wanted)}
            self.sort(key=lambda cells: place[cells[0].row])
        if selected in wanted and selected != self.selected:
            self.move_cursor(row=wanted.index(selected), animate=False, scroll=False)

    def update_cell(
        self,
        row_key: RowKey | str,
        column_key: ColumnKey | str,
        value: Painted,
        *,
        update_width: bool = False,
    ) -> None:
        """As the library's, but draws this one cell instead of the whole table."""
        if update_width:
            super().update_cell(row_key, column_key, value, update_width=True)
            return
        coordinate = self.get_cell_coordinate(row_key, column_key)
        row, column = self.coordinate_to_cell_key(coordinate)
        self._data[row][column] = value
        self._update_count += 1
        self.refresh_coordinate(coordinate)

    def _bound_caches(self) -> None:
        """The library keeps 10,000 drawn cells. With figures that change each second those are 28 MiB in seven minutes,
        none of which is drawn a second time.
        """
        self._cell_render_cache.maxsize = MOST_CELLS
        for rows in (self._row_renderable_cache, self._row_render_cache, self._line_cache):
            rows.maxsize = MOST_ROWS

    def _recolour(self) -> None:
        self._colours.update(tones(self.app))
        # Part of the key of the library's cache: cells drawn before are not used again.
        self._update_count += 1
        self.refresh()

    def _change(self, row: Row) -> None:
        for column, old, new in zip(self.ordered_columns, self.get_row(row.key), self._painted(row), strict=True):
            if old.cell != new.cell:
                wider = cell_len(new.cell.text) > column.content_width
                self.update_cell(row.key, column.key, new, update_width=wider)

    def _painted(self, row: Row) -> list[Painted]:
        return [
            Painted(row.key, cell, column.numeric, self._colours)
            for column, cell in zip(self.specs, row.cells, strict=True)
        ]
