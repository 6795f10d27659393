"""The embedding model made on this machine answers as the weights it was made from."""

import gc
import hashlib
import importlib.util
import math
import os
import re
import signal
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import xllamacpp
from safetensors.numpy import load_file

from cluster_ai.core.errors import Unavailable
from cluster_ai.engines import minilm
from cluster_ai.engines.gguf_check import BrokenModel, check
from cluster_ai.engines.minilm import WeightsMissing, make_minilm, tensor_name, token_text

ROOT = Path(__file__).parents[2]
Vector = np.ndarray
TEXTS = (
    "A cat sleeps.",
    "A kitten naps.",
    "Interest rates rose.",
    "Olá, coração: ação e emoção!",
    "東京 is unbelievably far from Zürich (9,600 km)",
)


def weights() -> Path:
    spec = importlib.util.find_spec(minilm.PACKAGE)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "model"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_minilm(tmp_path_factory.mktemp("models") / minilm.FILE_NAME)


@pytest.fixture(scope="module")
def embed(made: Path) -> Iterator[Callable[[str], Vector]]:
    """llama.cpp itself, without a port."""
    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(made)
    wanted.embedding = True
    wanted.n_ctx = wanted.n_batch = wanted.n_ubatch = 512
    wanted.n_parallel = wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = 1
    wanted.port = 0  # it listens whether one asks it or not
    wanted.ui = wanted.warmup = False
    wanted.cache_ram_mib = wanted.n_gpu_layers = 0
    yield partial(vector, xllamacpp.Server(wanted))
    gc.collect()


def vector(server: xllamacpp.Server, text: str) -> Vector:
    return np.array(server.handle_embeddings({"input": text})["data"][0]["embedding"])


class Reference:
    """BERT as its paper has it (Devlin et al., 2019), on the original F32 weights, with nothing of ours in it."""

    def __init__(self, folder: Path) -> None:
        self.weights = load_file(folder / "model.safetensors")
        tokens = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        self.ids = {token: number for number, token in enumerate(tokens)}

    def pieces(self, word: str) -> list[int]:
        found, begin = [], 0
        while begin < len(word):
            mark = "##" if begin else ""
            ends = (end for end in range(len(word), begin, -1) if mark + word[begin:end] in self.ids)
            if (end := next(ends, None)) is None:
                return [self.ids["[UNK]"]]
            found.append(self.ids[mark + word[begin:end]])
            begin = end
        return found

    def tokens(self, text: str) -> list[int]:
        bare = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
        words = re.findall(r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+|[^\w\s]", bare)
        return [self.ids["[CLS]"], *(piece for word in words for piece in self.pieces(word)), self.ids["[SEP]"]]

    def linear(self, name: str, x: Vector) -> Vector:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, name: str, x: Vector) -> Vector:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def attend(self, name: str, x: Vector) -> Vector:
        q, k, v = (
            self.linear(f"{name}.self.{part}", x).reshape(len(x), 12, 32).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = np.exp(q @ k.swapaxes(1, 2) / math.sqrt(32))
        mixed = (scores / scores.sum(-1, keepdims=True)) @ v
        return self.linear(f"{name}.output.dense", mixed.swapaxes(0, 1).reshape(len(x), 384))

    def embed(self, text: str) -> Vector:
        ids = self.tokens(text)
        top = "embeddings"
        x = self.weights[f"{top}.word_embeddings.weight"][ids] + self.weights[f"{top}.token_type_embeddings.weight"][0]
        x = self.norm(f"{top}.LayerNorm", x + self.weights[f"{top}.position_embeddings.weight"][: len(ids)])
        erf = np.vectorize(math.erf)
        for layer in (f"encoder.layer.{number}" for number in range(6)):
            x = self.norm(f"{layer}.attention.output.LayerNorm", x + self.attend(f"{layer}.attention", x))
            wide = self.linear(f"{layer}.intermediate.dense", x)
            wide = wide * 0.5 * (1 + erf(wide / math.sqrt(2)))
            x = self.norm(f"{layer}.output.LayerNorm", x + self.linear(f"{layer}.output.dense", wide))
        mean = x.mean(0)
        return mean / np.linalg.norm(mean)


def test_made_file_is_described(made: Path) -> None:
    facts = check(made)
    assert (facts.architecture, facts.quantization, facts.size_label) == ("bert", "F16", "23M")
    assert (facts.embedding_length, facts.context_length, facts.block_count, facts.pools) == (384, 512, 6, True)
    assert facts.data_end == made.stat().st_size
    assert made.stat().st_mode & 0o777 == 0o600


@pytest.mark.real
@pytest.mark.parametrize("text", TEXTS)
def test_vectors_are_those_of_the_original_weights(text: str, embed: Callable[[str], Vector]) -> None:
    ours, theirs = embed(text), Reference(weights()).embed(text)
    assert ours.shape == (384,)
    assert np.linalg.norm(ours) == pytest.approx(1, abs=1e-5)
    assert float(ours @ theirs) > 0.9999


@pytest.mark.real
def test_near_meanings_lie_nearer(embed: Callable[[str], Vector]) -> None:
    cat, kitten, rates = (embed(text) for text in TEXTS[:3])
    assert cat @ kitten > 0.6
    assert cat @ rates < 0.2
    assert kitten @ rates < 0.2


@pytest.mark.real
def test_known_vector_comes_out(embed: Callable[[str], Vector]) -> None:
    assert embed("A cat sleeps.")[:5] == pytest.approx([0.0936, 0.0177, -0.0314, 0.1045, -0.0391], abs=1e-3)


def test_same_weights_give_the_same_bytes(made: Path, tmp_path: Path) -> None:
    again = make_minilm(tmp_path / "deep" / "again.gguf")
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(made.read_bytes()).digest()
    assert sorted(path.name for path in again.parent.iterdir()) == [".again.gguf.lock", "again.gguf"]


def test_whole_file_is_left_alone(made: Path) -> None:
    before = made.stat()
    assert make_minilm(made) == made
    assert (made.stat().st_ino, made.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_damaged_file_is_made_again(tmp_path: Path, made: Path) -> None:
    target = tmp_path / "m.gguf"
    target.write_bytes(made.read_bytes()[:-1])
    assert check(make_minilm(target)).data_end == target.stat().st_size


RACE = """
import sys
from pathlib import Path
from cluster_ai.engines.minilm import make_minilm
print(make_minilm(Path(sys.argv[1])).stat().st_ino)
"""


@pytest.mark.real
def test_processes_that_race_make_it_once(tmp_path: Path) -> None:
    target = tmp_path / "m.gguf"
    racers = [
        subprocess.Popen([sys.executable, "-c", RACE, target], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    inodes = {racer.communicate(timeout=60)[0].strip() for racer in racers}
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    # Another file would have another number: nobody replaced what the first one made.
    assert inodes == {str(target.stat().st_ino)}


@pytest.mark.real
def test_maker_that_is_killed_leaves_no_half_model(tmp_path: Path) -> None:
    target = tmp_path / "m.gguf"
    draft = tmp_path / ".m.gguf.draft"
    with subprocess.Popen([sys.executable, "-c", RACE, target], cwd=ROOT, stdout=subprocess.DEVNULL) as maker:
        deadline = time.monotonic() + 60
        while not draft.exists() and maker.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        os.kill(maker.pid, signal.SIGKILL)
    if target.exists():
        check(target)
    assert check(make_minilm(target)).embedding_length == 384
    assert not draft.exists()


def test_missing_weights_are_named(tmp_path: Path) -> None:
    bare = "import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]\n"
    code = f"{RACE.replace('print', bare + 'print')}"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "m.gguf"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "WeightsMissing: the weights of all-minilm are not installed" in done.stderr
    assert not list(tmp_path.iterdir())


def test_standing_file_needs_no_weights(made: Path) -> None:
    bare = "import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]\n"
    code = f"{RACE.replace('print', bare + 'print')}"
    done = subprocess.run([sys.executable, "-c", code, made], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(made.stat().st_ino)


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be made") as caught:
        make_minilm(tmp_path / "file" / "m.gguf")
    assert not isinstance(caught.value, WeightsMissing)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "weights"
    source.mkdir()
    for name in ("config.json", "vocab.txt"):
        (source / name).write_bytes((weights() / name).read_bytes())
    (source / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(BrokenModel, match="damaged"):
        minilm._make(source, tmp_path / "m.gguf")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["weights"]


@pytest.mark.parametrize(
    ("token", "shown"), [("cat", "\u2581cat"), ("##s", "s"), ("[CLS]", "[CLS]"), ("[", "\u2581["), ("#", "\u2581#")]
)
def test_tokens_are_marked_at_the_start_of_words(token: str, shown: str) -> None:
    assert token_text(token) == shown


def test_tensors_have_their_names() -> None:
    assert tensor_name("encoder.layer.5.attention.output.LayerNorm.bias") == "blk.5.attn_output_norm.bias"
    assert tensor_name("embeddings.word_embeddings.weight") == "token_embd.weight"
    assert tensor_name("pooler.dense.weight") is None
    assert tensor_name("embeddings.position_ids") is None
