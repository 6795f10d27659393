"""A newcomer's path: the README's commands, in a fresh clone, on a home that is empty, with other ports."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.cloned import cloned
from tests.ports import free_base

ROOT = Path(__file__).parents[2]
PORTS = (8000, 11435, 11436, 8786, 8787)

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("newcomer")
    tree = cloned(folder / "cluster-ai")
    base = free_base()
    env = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("CLUSTER_AI_", "VIRTUAL_ENV"))},
        "CLUSTER_AI_HOME": str(folder / "home"),
        "CLUSTER_AI_PORT_BASE": str(base),
        "NO_COLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
    yield tree, env
    subprocess.run(["./manager.sh", "stop"], cwd=tree, env=env, check=False, capture_output=True, timeout=60)
    shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Newcomer:
    """Somebody with a shell in a fresh clone: what one command exports, the next ones have."""

    tree: Path
    env: dict[str, str]

    def types(self, command: str) -> str:
        """Runs a line of shell; its output."""
        if not command.startswith("export "):
            return self._ran("bash", "-c", self.moved(command))
        rows = self._ran("bash", "-c", f"{self.moved(command)} && env -0").rstrip("\0").split("\0")
        self.env |= dict(row.partition("=")[::2] for row in rows)
        return ""

    def runs(self, program: str) -> str:
        """Runs a Python program where the clients are installed; its output."""
        return self._ran(sys.executable, "-c", program)

    def _ran(self, *words: str) -> str:
        done = subprocess.run(
            words, cwd=self.tree, env=self.env, capture_output=True, text=True, check=False, timeout=400
        )  # fmt: skip
        assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def moved(self, command: str) -> str:
        for offset, port in enumerate(PORTS):
            command = command.replace(
                f"localhost:{port}", f"localhost:{int(self.env['CLUSTER_AI_PORT_BASE']) + offset}"
            )
        return command


def blocks(page: str = "README.md") -> list[tuple[str, str]]:
    found = re.findall(r"```(sh|python)\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    # `test` would run this very file again.
    return [(kind, block) for kind, block in found if "manager.sh test" not in block]


def test_readme_commands_work_in_order(clone: tuple[Path, dict[str, str]]) -> None:
    newcomer, said = Newcomer(*clone), {}
    for kind, block in blocks():
        if kind == "python":
            assert newcomer.runs(block).count("Paris") >= 3, "each client had its answer"
            continue
        said |= {line: newcomer.types(line) for line in block.strip().splitlines()}
    answer = next(out for line, out in said.items() if line.startswith("curl"))
    assert "Paris" in "".join(re.findall(r'"content":\s*"((?:[^"\\]|\\.)*)"', answer))
    answers = (newcomer.tree / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    assert "sent to embedded" in next(out for line, out in said.items() if "gateway why" in line)
    assert re.fullmatch(r"cai_\w{8}_\S{43}\n", next(out for line, out in said.items() if "key create" in line))
    questions = (newcomer.tree / "examples/questions.txt").read_text(encoding="utf-8").split("\n")
    assert len([line for line in answers if '"index"' in line]) == len([line for line in questions if line.strip()])


def test_quickstart_works_in_order_on_a_cluster_that_was_stopped(clone: tuple[Path, dict[str, str]]) -> None:
    """Its lines for a second machine and for Open WebUI are `text`: those need a network of machines."""
    newcomer = Newcomer(*clone)
    lines = [line for _, block in blocks("docs/quickstart.md") for line in block.strip().splitlines()]
    said = {line: newcomer.types(line) for line in lines}
    assert '"done":true' in next(out for line, out in said.items() if line.startswith("curl"))
    assert "quickstart" in said["./manager.sh slo list"]
    assert "farewell" in said["./manager.sh ticket list"]
