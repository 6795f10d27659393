"""The page on executors says what the code does, and every way to fail is one of those that it lists."""

import re
import subprocess
import sys
from pathlib import Path

from cluster_ai.executors.failures import CODES

ROOT = Path(__file__).parents[2]


def test_page_is_current() -> None:
    shown = (ROOT / "docs/reference/executors.md").read_text(encoding="utf-8")
    code = "import runpy; print(runpy.run_path('scripts/docs/executors.py')['render'](), end='')"
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown == made, "run: PYTHONPATH=. .venv/bin/python scripts/docs/executors.py"


def test_every_code_is_listed_and_used() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "cluster_ai/executors").rglob("*.py"))
    used = set(re.findall(r"(?:Failed|failed)\(\s*\"([a-z_]+)\"", text)) | {"internal"}
    assert used - CODES.keys() == set()
    assert CODES.keys() - used - {"exit_nonzero", "cancelled"} - set(re.findall(r"\"([a-z_]+)\"", text)) == set()
