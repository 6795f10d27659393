"""The reference pages say what the code does."""

import importlib
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cluster_ai
from cluster_ai.core.errors import ClusterError, Misconfigured
from cluster_ai.settings import Ports, load

ROOT = Path(__file__).parents[2]


def test_settings_page_is_current() -> None:
    code = (
        "import json, runpy; pages = runpy.run_path('scripts/docs/settings.py')['pages']();"
        "print(json.dumps({page.name: text for page, text in pages.items()}))"
    )
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name, text in json.loads(made).items():
        shown = (ROOT / "docs/reference" / name).read_text(encoding="utf-8")
        assert shown == text, "run: PYTHONPATH=. .venv/bin/python scripts/docs/settings.py"


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
        return re.findall(r"```(?:sh|python)\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)

    assert commands("README.md") == commands("README.pt-BR.md")


def test_settings_have_descriptions() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) > 30
    assert not [row for row in rows if row.endswith("|  |")]


def links_of(page: Path) -> set[Path]:
    found = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    return {(page.parent / target).resolve() for target in found if "://" not in target}


def test_every_page_is_reached_from_the_index() -> None:
    reached, pending = set(), [ROOT / "docs/README.md"]
    while pending:
        page = pending.pop()
        if page.suffix == ".md" and page.exists() and page not in reached:
            reached.add(page)
            pending += links_of(page)
    missing = sorted(str(page.relative_to(ROOT)) for page in {*(ROOT / "docs").rglob("*.md")} - reached)
    assert not missing, "docs/README.md leads to none of these"
    assert ROOT / "docs/README.md" in links_of(ROOT / "README.md")


@pytest.mark.parametrize(
    "page",
    ["README.md", "README.pt-BR.md", "docs/how-to", "docs/open-webui.md", "docs/open-webui.pt-BR.md", "docs/reference"],
)
def test_configurations_that_pages_show_are_valid(page: str, tmp_path: Path) -> None:
    files = sorted((ROOT / page).rglob("*.md")) if (ROOT / page).is_dir() else [ROOT / page]
    shown = [
        (file.name, block)
        for file in files
        for block in re.findall(r"```toml\n(.*?)```", file.read_text(encoding="utf-8"), re.DOTALL)
    ]
    assert shown
    for name, block in shown:
        (tmp_path / "config.toml").write_text(block, encoding="utf-8")
        try:
            load({"CLUSTER_AI_HOME": str(tmp_path)})
        except Misconfigured as exc:
            raise AssertionError(f"{name}: {exc.message}\n{block}") from exc


def test_every_attack_has_a_test_that_tries_it() -> None:
    page = (ROOT / "docs/reference/attacks.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_/]+/test_[a-z_]+)`", page))
    assert len(named) > 15
    assert {name for name in named if not (ROOT / "tests" / f"{name}.py").is_file()} == set()


@pytest.mark.parametrize("page", ["second-cluster.md", "second-cluster.pt-BR.md"])
def test_ports_of_a_second_cluster_are_those_that_it_takes(page: str) -> None:
    rows = re.findall(r"^\| (N.*?) \|", (ROOT / "docs/how-to" / page).read_text(encoding="utf-8"), re.MULTILINE)
    told = [int(offset or 0) for row in rows for offset in re.findall(r"N(?:\+(\d+))?", row)]
    taken = Ports.at(20_000)
    assert told == sorted(port - 20_000 for _, port in taken), "the last are the workers', two for each"


def test_how_far_the_service_is_shut_in_is_told_alike() -> None:
    """tests/install compares the first of these pages with systemd."""
    rows = re.findall(
        r"^\| `cluster-ai\.service`, of .*\| ([0-9.]+) \|$",
        (ROOT / "docs/reference/install.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    for page in ("add-a-machine.md", "add-a-machine.pt-BR.md"):
        told = (ROOT / "docs/how-to" / page).read_text(encoding="utf-8")
        assert re.search(rf"systemd-analyze security`: {rows[1]}\).*\({rows[0]}\)", told), page
