"""Tables on a terminal without room for everything: what people copy stays whole, and no line is wrapped."""

import pytest

from cluster_ai.cli import key, model, node, traffic
from cluster_ai.cli.fitting import GAP, Fit, fitted, shortened

NAMES = ("id", "name", "note", "size")
FIT = Fit.of(NAMES, whole=["id", "name"], spare=("size", "note"))


def test_everything_stands_where_there_is_room() -> None:
    assert fitted([36, 10, 20, 6], 78, FIT) == {0: 36, 1: 10, 2: 20, 3: 6}


def test_a_column_is_cut_before_one_is_left_out() -> None:
    assert fitted([36, 10, 20, 6], 70, FIT) == {0: 36, 1: 10, 2: 12, 3: 6}


def test_the_least_important_goes_first() -> None:
    assert fitted([36, 10, 20, 6], 58, FIT) == {0: 36, 1: 10, 2: 8}
    assert fitted([36, 10, 20, 6], 50, FIT) == {0: 36, 1: 10}


def test_what_is_copied_is_whole_on_the_smallest_terminal() -> None:
    assert fitted([36, 10, 20, 6], 20, FIT) == {0: 36, 1: 10}


def test_an_address_is_cut_in_its_middle_and_a_text_at_its_end() -> None:
    assert shortened("http://gpu-box.example:11434", 15) == "http://…e:11434"
    assert shortened("a long remark", 7) == "a long…"
    assert shortened("short", 7) == "short"


@pytest.mark.parametrize(
    ("columns", "fit", "widths", "kept"),
    [
        (node.COLUMNS, node.FIT, [10, 8, 8, 6, 8, 6, 6, 5, 7, 30], {"node", "state"}),
        (model.COLUMNS, model.FIT, [36, 8, 10, 12, 30, 40, 30], {"model", "nodes"}),
        (key.COLUMNS, key.FIT, [12, 14, 8, 6, 24, 20, 30, 11, 7, 9], {"key", "name", "state"}),
        (traffic.CALLS, traffic.CALLS_FIT, [5, 14, 10, 9, 7, 6, 9, 9, 36], {"model", "result", "request"}),
    ],
    ids=["node ls", "model ls", "key list", "gateway log"],
)
def test_lists_fit_eighty_columns(columns: tuple[str, ...], fit: Fit, widths: list[int], kept: set[str]) -> None:
    shown = fitted(widths, 80, fit)
    assert sum(shown.values()) + GAP * (len(shown) - 1) <= 80
    assert kept <= {columns[place] for place in shown}
    assert all(shown[place] == widths[place] for place in fit.whole)
