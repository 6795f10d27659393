"""What errors advise, read from the code that raises them: the hints of each error class."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
GAP: Final = "…"
"""In the place of what is known only when it happens."""


def advised() -> Mapping[str, tuple[str, ...]]:
    """The hints that stand beside each class where it is made, by the class's name, in the order of the files."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for package in ("cluster_ai", "backend"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for name, hint in _hints(ast.parse(path.read_text(encoding="utf-8"))):
                found[name].setdefault(hint)
    return {name: tuple(hints) for name, hints in found.items()}


def _hints(tree: ast.Module) -> Iterator[tuple[str, str]]:
    known = dict(_named(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            for given in node.keywords:
                if given.arg == "hint" and (text := _text(given.value, known)):
                    yield node.func.id, text


def _named(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Sentences that were given a name first."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            target = node.targets[0].id
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            target = node.target.id
        else:
            continue
        if node.value is not None and (text := _text(node.value, {})):
            yield target, text


def _text(node: ast.expr, known: Mapping[str, str]) -> str:
    """A sentence as the code has it; empty for what is no sentence."""
    match node:
        case ast.Constant(value=str(text)):
            return " ".join(text.split())
        case ast.JoinedStr(values=parts):
            said = [part.value if isinstance(part, ast.Constant) else GAP for part in parts]
            text = " ".join("".join(map(str, said)).split())
            return text if text.replace(GAP, "").strip(" :,.") else ""
        case ast.Name(id=name):
            return known.get(name, "")
    return ""
