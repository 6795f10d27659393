"""The estimate beside what llama.cpp really takes: the buffers that it prints, and what the process grows by.

Bound: 15 % and 40 MiB. Measured on x86_64 without a GPU.
"""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster_ai.catalog.fit import EMBEDDED, MIB, Runtime, needs
from cluster_ai.catalog.gguf import read_header
from cluster_ai.catalog.shape import Shape, shape_of
from cluster_ai.engines.catalog import smollm_file
from cluster_ai.engines.minilm import make_minilm

LOADS = """
import json, os, sys, psutil, xllamacpp
path, context, slots, batch, embeds = sys.argv[1], *map(int, sys.argv[2:])
params = xllamacpp.CommonParams()
params.model.path, params.n_parallel, params.n_ctx = path, slots, context * slots
params.embedding, params.n_batch, params.n_ubatch = bool(embeds), batch, batch
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.cache_ram_mib, params.warmup, params.verbosity, params.ui = 0, False, 5, False
params.hostnames, params.api_keys = ["fit.sock"], ["x"]
before = psutil.Process().memory_info().rss
server = xllamacpp.Server(params)
print(json.dumps(psutil.Process().memory_info().rss - before), flush=True)
os._exit(0)
"""
BUFFER = re.compile(r"(model|output|KV|compute) buffer size =\s+([\d.]+) MiB")


def loaded(path: Path, *numbers: int, folder: Path) -> dict[str, Any]:
    """What llama.cpp says of its buffers (the last of each kind), and the growth of the process; bytes."""
    command = [sys.executable, "-c", LOADS, str(path), *map(str, numbers)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=True)
    sizes = {kind: float(size) * MIB for kind, size in BUFFER.findall(done.stdout + done.stderr)}
    return {**sizes, "grown": json.loads(done.stdout.strip().splitlines()[-1])}


def near(estimate: float, measured: float) -> bool:
    return abs(estimate - measured) <= 0.15 * measured + 40 * MIB


@pytest.fixture(scope="module")
def smollm() -> tuple[Path, Shape]:
    path = smollm_file()
    return path, shape_of(read_header(path))


@pytest.mark.real
@pytest.mark.parametrize(
    ("context", "runtime"),
    [
        (512, replace(EMBEDDED, slots=1)),
        (2048, EMBEDDED),
        (2048, Runtime(batch=512, slots=1, all_logits=False)),
        (8192, Runtime(batch=512, slots=1, all_logits=False)),
        (8192, EMBEDDED),
    ],
)
def test_a_chat_model_takes_what_was_told(
    smollm: tuple[Path, Shape], context: int, runtime: Runtime, tmp_path: Path
) -> None:
    path, shape = smollm
    seen = loaded(path, context, runtime.slots, runtime.batch, 0, folder=tmp_path)
    told = needs(shape, context, runtime)
    assert told.weights == pytest.approx(seen["model"], rel=0.001)
    assert told.cache == pytest.approx(seen["KV"], rel=0.001)
    assert told.compute == pytest.approx(seen["compute"] + seen["output"], abs=4 * MIB)
    assert near(told.total, seen["grown"]), (told, seen)


@pytest.mark.real
@pytest.mark.parametrize("context", [256, 512])
def test_an_embedding_model_takes_what_was_told(context: int, tmp_path: Path) -> None:
    path = make_minilm(tmp_path / "minilm.gguf")
    told = needs(shape_of(read_header(path)), context, EMBEDDED)
    seen = loaded(path, context, EMBEDDED.slots, context, 1, folder=tmp_path)
    assert told.cache == 0
    assert "KV" not in seen
    assert told.weights == pytest.approx(seen["model"], rel=0.001)
    assert near(told.total, seen["grown"]), (told, seen)
