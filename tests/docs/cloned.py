"""This checkout as somebody fetches it, with what is not committed yet."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def cloned(tree: Path) -> Path:
    """Makes ``tree``. What is not committed yet belongs to the product too while it is being written."""
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, tree], check=True)
    changed = subprocess.run(["git", "diff", "--binary", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
    if changed:
        subprocess.run(["git", "apply"], cwd=tree, input=changed, check=True)
    others = ["git", "ls-files", "--others", "--exclude-standard", "-z"]
    for name in filter(
        None, subprocess.run(others, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    ):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)
    return tree
