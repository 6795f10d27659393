"""Two machines share an environment when locks, Python minor and architecture are the same; and only then."""

import re
from pathlib import Path

import pytest

from cluster_ai.nodes.bundle.identity import environment_id, program_root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "requirements").mkdir()
    for name in ("runtime.lock", "models.lock"):
        (tmp_path / "requirements" / name).write_text(f"{name}: a==1\n")
    return tmp_path


def test_of_this_checkout_names_python_and_architecture() -> None:
    assert re.fullmatch(r"[0-9a-f]{12}-py3\.1[123]-(x86_64|aarch64)", environment_id(program_root()))


def test_is_the_same_for_the_same_locks(root: Path) -> None:
    assert environment_id(root) == environment_id(root)


def test_differs_by_python_and_architecture_but_not_by_how_that_is_called(root: Path) -> None:
    x86 = environment_id(root, python="3.11", machine="x86_64")
    assert environment_id(root, python="3.12", machine="x86_64") != x86
    assert environment_id(root, python="3.11", machine="aarch64") != x86
    assert environment_id(root, python="3.11", machine="AMD64") == x86
    arm = environment_id(root, python="3.11", machine="arm64")
    assert arm == environment_id(root, python="3.11", machine="aarch64")
    assert arm.split("-")[0] == x86.split("-")[0]


def test_one_changed_pin_is_another_environment(root: Path) -> None:
    before = environment_id(root)
    (root / "requirements" / "models.lock").write_text("models.lock: a==2\n")
    assert environment_id(root) != before


def test_without_locks_nothing_is_claimed(tmp_path: Path) -> None:
    assert environment_id(tmp_path) == ""
