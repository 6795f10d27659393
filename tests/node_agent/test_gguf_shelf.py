"""Models of the embedded node as other machines copy them."""

import hashlib
import json
from pathlib import Path

import pytest

from cluster_ai.catalog.shelf import description, rows_of
from cluster_ai.core.errors import InvalidInput, NotFound
from cluster_ai.engines.known_files import KnownFiles
from cluster_ai.node_agent.gguf_shelf import PAGE, GgufShelf
from cluster_ai.nodes.types import LocalModel
from tests.engines import gguf_bytes


@pytest.fixture
def shelf(tmp_path: Path) -> GgufShelf:
    """Of a node that serves one of two files."""
    files, names = KnownFiles(tmp_path / PAGE), ("mine", "another")
    for number, name in enumerate(names):
        (tmp_path / f"{name}.gguf").write_bytes(gguf_bytes.model(data=64 + 32 * number))
    digests = [files.learn(tmp_path / f"{name}.gguf").digest for name in names]
    files.save()
    return GgufShelf(tmp_path, (LocalModel(name="mine:7b", digest=digests[0]),))


def read(shelf: GgufShelf, digest: str) -> bytes:
    file, size = shelf.open_blob(digest)
    with file:
        data = file.read()
    assert len(data) == size
    return data


@pytest.mark.parametrize("name", ["mine:7b", "Mine:7B"])
def test_a_model_is_whole_in_its_manifest_and_blobs(shelf: GgufShelf, name: str) -> None:
    manifest = shelf.manifest(name)
    assert manifest == shelf.manifest(name), "it is made anew, and the same"
    rows = rows_of(manifest)
    assert len(rows) == 2
    for row in rows:
        data = read(shelf, row["digest"])
        assert (f"sha256:{hashlib.sha256(data).hexdigest()}", len(data)) == (row["digest"], row["size"])
    assert read(shelf, json.loads(manifest)["layers"][0]["digest"])[:4] == b"GGUF"
    assert description(manifest, str) == {"files": {"model.gguf": json.loads(manifest)["layers"][0]["digest"]}}


@pytest.mark.parametrize("name", ["mine", "another:latest", "nobody"])
def test_only_what_the_node_serves_is_given(shelf: GgufShelf, name: str) -> None:
    with pytest.raises(NotFound):
        shelf.manifest(name)


def test_another_file_of_the_folder_is_no_blob(shelf: GgufShelf) -> None:
    data = (shelf.folder / "another.gguf").read_bytes()
    with pytest.raises(NotFound):
        shelf.open_blob(f"sha256:{hashlib.sha256(data).hexdigest()}")
    with pytest.raises(InvalidInput):
        shelf.open_blob("sha256:../../mine.gguf")


def test_a_file_that_changed_since_is_not_given_under_its_old_digest(shelf: GgufShelf) -> None:
    digest = json.loads(shelf.manifest("mine:7b"))["layers"][0]["digest"]
    (shelf.folder / "mine.gguf").write_bytes(gguf_bytes.model(data=96))
    with pytest.raises(NotFound):
        shelf.open_blob(digest)


def test_nothing_is_put_there(shelf: GgufShelf) -> None:
    assert not shelf.writable


def test_a_folder_without_a_page_has_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        GgufShelf(tmp_path).manifest("mine:7b")
