"""The reference pages say what the code does."""

import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import cluster_ai
from cluster_ai.core.errors import ClusterError

ROOT = Path(__file__).parents[2]


def test_settings_page_is_current() -> None:
    shown = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    code = "import runpy; print(runpy.run_path('scripts/docs/settings.py')['render'](), end='')"
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown == made, "run: PYTHONPATH=. .venv/bin/python scripts/docs/settings.py"


def every_error() -> set[type[ClusterError]]:
    for module in pkgutil.walk_packages(cluster_ai.__path__, "cluster_ai."):
        if not module.name.endswith(("__main__",)) and ".migrations" not in module.name:
            importlib.import_module(module.name)
    importlib.import_module("backend.app")
    found: set[type[ClusterError]] = set()
    pending = [ClusterError]
    while pending:
        error = pending.pop()
        found.add(error)
        pending.extend(error.__subclasses__())
    return found


def test_every_error_code_is_explained() -> None:
    page = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    missing = {error.code for error in every_error() if f"`{error.code}`" not in page}
    assert not missing


def test_links_inside_the_docs_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "README.pt-BR.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not broken


def test_both_readmes_give_the_same_commands() -> None:
    def commands(name: str) -> list[str]:
        return re.findall(r"```sh\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)

    assert commands("README.md") == commands("README.pt-BR.md")


def test_settings_have_descriptions() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) > 30
    assert not [row for row in rows if row.endswith("|  |")]
