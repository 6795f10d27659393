"""``cluster-ai model import``: files of this machine become a model of a node behind a real gateway."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cluster
from tests.engines.gguf_bytes import model
from tests.waiting import until

pytestmark = pytest.mark.real


def test_a_file_becomes_a_model_and_is_sent_once(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "brought.gguf"
    file.write_bytes(model(data=3_000_000))
    first = cluster.cli("model", "import", "brought:1b", str(file))
    assert first.returncode == 0, first.stderr
    assert "brought.gguf: sent" in first.stderr
    assert "brought:1b is there, on fake" in first.stderr

    def listed() -> bool:
        rows = json.loads(cluster.cli("model", "ls", "--json").stdout)["items"]
        return "brought:1b" in {row["name"] for row in rows}

    until(listed, seconds=15, what="the model is listed")
    again = cluster.cli("model", "import", "brought:2b", str(file), "--node", "fake")
    assert again.returncode == 0, again.stderr
    assert "brought.gguf: sent" not in again.stderr, "the node has it already"


def test_what_is_no_model_stays_here(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("no model")
    text = cluster.cli("model", "import", "wrong:1b", str(tmp_path / "text.gguf"))
    assert (text.returncode, "text.gguf" in text.stderr) == (2, True), text.stderr
    assert cluster.cli("model", "import", "wrong:1b", str(tmp_path / "nowhere.gguf")).returncode == 3
    # It begins as one, and its header tells of more than there is.
    (tmp_path / "lies.gguf").write_bytes(model(counts=(1 << 40, 1)))
    lies = cluster.cli("model", "import", "wrong:1b", str(tmp_path / "lies.gguf"))
    assert (lies.returncode, "broken_blob" in lies.stderr) == (2, True), lies.stderr
    good = tmp_path / "good.gguf"
    good.write_bytes(model())
    for node in ("nobody", "nó"):
        assert cluster.cli("model", "import", "wrong:1b", str(good), "--node", node).returncode == 3
    assert "wrong:1b" not in cluster.cli("model", "ls").stdout
