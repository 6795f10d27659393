"""The page on ASVS is whole, and what it calls met is shown by tests that exist."""

import ast
import importlib.util
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Of each section of version 5.0.0 the levels of its requirements, in their order.
LEVELS = {
    "V1.1": "22", "V1.2": "1111122223", "V1.3": "112222222223", "V1.4": "222", "V1.5": "123",
    "V2.1": "122", "V2.2": "112", "V2.3": "12223", "V2.4": "23",
    "V3.2": "113", "V3.3": "12223", "V3.4": "11222233", "V3.5": "11122333", "V3.7": "22333",
    "V4.1": "12233", "V4.2": "23333", "V4.3": "22", "V4.4": "1222",
    "V5.1": "2", "V5.2": "112333", "V5.3": "113", "V5.4": "222",
    "V6.1": "122", "V6.2": "111111112222", "V6.3": "11223333", "V6.4": "112233", "V6.5": "22222333", "V6.6": "2223",
    "V6.8": "2222",
    "V7.1": "222", "V7.2": "1111", "V7.3": "22", "V7.4": "11222", "V7.5": "223", "V7.6": "22",
    "V8.1": "1233", "V8.2": "1123", "V8.3": "133", "V8.4": "23", "V9.1": "111", "V9.2": "1222",
    "V10.1": "22", "V10.2": "223", "V10.3": "22223", "V10.4": "1111122222233333", "V10.5": "22222", "V10.6": "22",
    "V10.7": "222",
    "V11.1": "2233", "V11.2": "22233", "V11.3": "11233", "V11.4": "1222", "V11.5": "23", "V11.6": "23",
    "V12.1": "12233", "V12.2": "11", "V12.3": "22223",
    "V13.1": "2333", "V13.2": "222223", "V13.3": "2233", "V13.4": "1222233",
    "V14.1": "22", "V14.2": "12223333", "V14.3": "122",
    "V15.1": "12233", "V15.2": "12233", "V15.3": "1222222",
    "V16.1": "2", "V16.2": "22222", "V16.3": "2222", "V16.4": "222", "V16.5": "2223",
    "V17.1": "23", "V17.2": "22223333", "V17.3": "22",
}  # fmt: skip

_SPEC = importlib.util.spec_from_file_location("asvs", ROOT / "scripts/docs/asvs.py")
assert _SPEC
assert _SPEC.loader
asvs = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(asvs)
PAGE = asvs.PAGE.read_text(encoding="utf-8")
ROWS = asvs.rows(PAGE)


@cache
def functions_of(path: Path) -> frozenset[str]:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def exists(name: str) -> bool:
    file, _, function = name.partition("::")
    path = ROOT / file if file.startswith("web-dashboard/") else ROOT / "tests" / file
    if not path.is_file() or (".test." not in path.name and not path.name.startswith("test_")):
        return False
    return not function or (function.startswith("test_") and function in functions_of(path))


def test_every_requirement_of_both_levels_has_its_row() -> None:
    wanted = [
        (f"{section}.{number}", level)
        for section, levels in LEVELS.items()
        for number, level in enumerate(levels, 1)
        if level != "3"
    ]
    assert len(wanted) == 253
    assert [(row.id, row.level) for row in ROWS] == wanted


def test_what_is_met_is_shown_by_tests_that_exist() -> None:
    assert {row.state for row in ROWS} == set(asvs.STATES)
    assert [row.id for row in ROWS if row.state == "met" and not row.tests] == []
    assert {f"{row.id}: {test}" for row in ROWS for test in row.tests if not exists(test)} == set()


def test_what_is_not_met_says_why() -> None:
    assert [row.id for row in ROWS if row.state != "met" and (row.tests or not row.why)] == []


def test_counts_are_those_of_the_tables() -> None:
    assert asvs.counted(PAGE) == PAGE, "python scripts/docs/asvs.py"
