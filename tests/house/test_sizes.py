"""The size budget: what stays small stays readable. Figures are those that the best Python projects share."""

import ast
import tokenize
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from statistics import median, quantiles

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("cluster_ai", "backend")
MADE = ("migrations/versions", "registry/v1/", "plans/v1/")
"""Written once, or made from something else."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> list[Path]:
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return [path for path in found if not any(part in path.as_posix() for part in MADE)]


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            yield node


def length(node: Function) -> int:
    """Lines of the body, without the docstring."""
    body = node.body
    first = body[0]
    documented = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    if documented:
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 1


def positional(node: Function) -> int:
    names = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
    return len(names) - (1 if names[:1] in (["self"], ["cls"], ["mcs"]) else 0)


def all_lengths() -> list[int]:
    return [length(node) for path in modules() for node in functions(path)]


def test_functions_are_short() -> None:
    lengths = all_lengths()
    assert median(lengths) <= 8
    assert quantiles(lengths, n=10)[8] <= 25


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_module_fits(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    long = [f"{node.name}: {length(node)}" for node in functions(path) if length(node) > 60]
    assert not long, f"functions over 60 lines: {long}"
    assert text.count("\n") <= 600
    wide = [node.name for node in functions(path) if positional(node) > 5]
    assert not wide, f"more than 5 positional parameters: {wide}"
    internal = {
        node.module
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PACKAGES
    }
    # Composition roots wire the rooms together: they are the places that may know many.
    if path.name not in {"serve.py", "app.py", "settings.py"}:
        assert len(internal) <= 8, f"imports {len(internal)} of our modules: {sorted(internal)}"


def test_most_modules_are_small() -> None:
    lines = [path.read_text(encoding="utf-8").count("\n") for path in modules()]
    assert median(lines) <= 150
    assert quantiles(lines, n=10)[8] <= 350


def test_no_global_statement() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Global)
    ]
    assert not found


def test_broad_excepts_are_rare() -> None:
    total = sum(path.read_text(encoding="utf-8").count("\n") for path in modules())
    broad = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name) and node.type.id == "Exception"
    ]
    assert len(broad) <= max(1, total // 1000), broad


def test_comments_say_something_now_and_then() -> None:
    comments = lines = 0
    for path in modules():
        raw = path.read_bytes()
        lines += raw.count(b"\n")
        comments += sum(token.type == tokenize.COMMENT for token in tokenize.tokenize(BytesIO(raw).readline))
    assert comments / lines <= 0.08, "code should explain itself by its names"
