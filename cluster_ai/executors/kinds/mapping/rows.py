"""The rows of a data set, and a prompt made from one of them."""

import csv
import io
import json
import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.wire import parse_json
from cluster_ai.executors.kind import Failed

Form = Literal["jsonl", "csv", "lines"]
MOST_ROWS: Final = 1_000_000
_FIELD: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


def read_rows(data: bytes, form: Form) -> list[Any]:
    """``jsonl``: a value a line; ``csv``: an object a row, by its first line; ``lines``: a text a line.

    Raises:
        Failed: ``input_missing``, it is not what it is said to be.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise Failed("input_missing", f"the data set is not UTF-8: {exc.reason} at byte {exc.start}") from exc
    if form == "csv":
        return _of_csv(text)
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_ROWS:
        raise Failed("input_missing", f"the data set has more than {MOST_ROWS} rows")
    return lines if form == "lines" else [_of_json(line, number) for number, line in enumerate(lines, 1)]


def _of_json(line: str, number: int) -> Any:
    try:
        return parse_json(line.encode())
    except InvalidInput as exc:
        raise Failed("input_missing", f"line {number} of the data set: {exc.message}") from exc


def _of_csv(text: str) -> list[Any]:
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        rows = list(reader)
    except csv.Error as exc:
        raise Failed("input_missing", f"the data set is no CSV: {exc}") from exc
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise Failed("input_missing", f"row {number} of the CSV has not as many fields as its first")
    return rows


def fields_of(template: str) -> set[str]:
    """The columns that a template names."""
    return {found[1] for found in _FIELD.finditer(template) if found[1] is not None}


def filled(template: str, row: Any) -> str:
    """The prompt for one row: ``{column}``, ``{row}`` for the whole; braces themselves are doubled.

    Not ``str.format``: there a template could look into objects.

    Raises:
        KeyError: a column that the row has not.
    """
    known = {**row, "row": row} if isinstance(row, Mapping) else {"row": row}

    def value(found: "re.Match[str]") -> str:
        if found[1] is None:
            return found[0][0]
        item = known[found[1]]
        return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)

    return _FIELD.sub(value, template)
