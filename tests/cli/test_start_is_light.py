"""Nothing heavy is imported before its verb: the budget of ``--version`` is kept by what it does not load."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.calling import ROOT, environment

HEAVY = {
    "aiohttp", "asyncio", "dask", "distributed", "fastapi", "httpx2", "numpy", "psutil", "pydantic", "rich",
    "sqlalchemy", "starlette", "structlog", "textual", "tornado", "uvicorn", "xllamacpp",
}  # fmt: skip


def loaded(home: Path, *words: str) -> set[str]:
    """Modules in memory when a verb is done."""
    code = (
        "import json, sys\nfrom cluster_ai.cli.main import main\n"
        f"main({list(words)!r})\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(home), capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}


def test_version_loads_nothing_heavy(tmp_path: Path) -> None:
    assert not loaded(tmp_path, "--version") & HEAVY


@pytest.mark.parametrize(
    ("words", "kept_out"),
    [
        (("status",), {"aiohttp", "dask", "distributed", "httpx2", "sqlalchemy", "textual", "fastapi"}),
        (("logs",), {"aiohttp", "dask", "distributed", "httpx2", "sqlalchemy", "textual", "fastapi"}),
        (("node", "ls"), {"aiohttp", "dask", "distributed", "sqlalchemy", "textual", "fastapi"}),
        (("run", "m", "hello"), {"aiohttp", "dask", "distributed", "sqlalchemy", "textual", "fastapi"}),
        (("config", "path"), {"pydantic", "httpx2", "distributed", "psutil"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_verb_loads_its_own_needs_only(tmp_path: Path, words: tuple[str, ...], kept_out: set[str]) -> None:
    assert not loaded(tmp_path, *words) & kept_out
