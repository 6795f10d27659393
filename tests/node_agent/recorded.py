"""Machines that were recorded: their small files, planted below a folder.

A line begins with a path; `` = `` gives the file's text, `` -> `` a link's target, and lines behind ``| `` a longer text.
"""

from pathlib import Path

from cluster_ai.nodes.sensors.tree import Tree

HERE = Path(__file__).parent / "machines"


def planted(name: str, folder: Path) -> Tree:
    """The machine of that name."""
    current: Path | None = None
    for line in (HERE / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and current is not None:
            with current.open("a", encoding="utf-8") as file:
                file.write(line[2:] + "\n")
        elif line.startswith("/"):
            current = _plant(line, folder)
    return Tree(folder)


def _plant(line: str, folder: Path) -> Path:
    path, _, target = line.partition(" -> ")
    path, _, text = path.partition(" = ")
    place = folder / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    if target:
        place.symlink_to(target)
    else:
        place.write_text(text + "\n" if text else "", encoding="utf-8")
    return place


def write(tree: Tree, path: str, value: object) -> None:
    """What the kernel says there now."""
    tree.path(path).write_text(f"{value}\n", encoding="utf-8")
