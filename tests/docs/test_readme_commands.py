"""A newcomer's path: the README's commands, in a fresh clone, on a home that is empty, with other ports."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_base

ROOT = Path(__file__).parents[2]
PORTS = (8000, 11435, 11436, 8786, 8787)

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("newcomer")
    tree = folder / "cluster-ai"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, tree], check=True)
    # What is not committed yet belongs to the product too while it is being written.
    changed = subprocess.run(["git", "diff", "--binary", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
    if changed:
        subprocess.run(["git", "apply"], cwd=tree, input=changed, check=True)
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


def blocks() -> list[str]:
    found = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    # `test` would run this very file again.
    return [block for block in found if "manager.sh test" not in block]


def moved(command: str, base: int) -> str:
    for offset, port in enumerate(PORTS):
        command = command.replace(f"localhost:{port}", f"localhost:{base + offset}")
    return command


def test_readme_commands_work_in_order(clone: tuple[Path, dict[str, str]]) -> None:
    tree, env = clone
    said = {}
    for block in blocks():
        for line in block.strip().splitlines():
            command = moved(line, int(env["CLUSTER_AI_PORT_BASE"]))
            done = subprocess.run(
                ["bash", "-c", command], cwd=tree, env=env, capture_output=True, text=True, check=False, timeout=400
            )
            assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            said[line] = done.stdout
    answer = next(out for line, out in said.items() if line.startswith("curl"))
    assert "Paris" in "".join(re.findall(r'"content":\s*"((?:[^"\\]|\\.)*)"', answer))
    answers = (tree / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    questions = (tree / "examples/questions.txt").read_text(encoding="utf-8").split("\n")
    assert len([line for line in answers if '"index"' in line]) == len([line for line in questions if line.strip()])
