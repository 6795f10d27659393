"""One model in this process's memory, through llama.cpp. Only a runner process imports this: it weighs 100 MB."""

import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import xllamacpp

from cluster_ai.engines.types import LoadSpec

PROMPT_BATCH: Final = 48
"""Tokens of a prompt read in one go. Between two batches the others write on and a client who left is noticed."""

_ERRORS_ONLY: Final = 1
_SOCKET: Final = "llama.sock"

Emit = Callable[[dict[str, Any]], bool]
"""Takes one chunk; answers True when nobody wants any more."""


class Llama:
    """Chat, completion and embedding calls; each blocks its thread. Any number of threads may call."""

    def __init__(self, spec: LoadSpec) -> None:
        """Loads the model. The interpreter stands still meanwhile.

        Raises:
            RuntimeError: llama.cpp cannot load the file.
        """
        with tempfile.TemporaryDirectory(prefix="cluster-ai-") as folder:
            # The server in there listens, whether one asks it or not: on a socket that has no name a moment later.
            before = Path.cwd()
            os.chdir(folder)
            try:
                self._server = xllamacpp.Server(_params(spec))
            finally:
                os.chdir(before)
        self._calls = {"chat": self._server.handle_chat_completions, "text": self._server.handle_completions}

    def write(self, kind: str, body: dict[str, Any], emit: Emit) -> None:
        """Generates; ``kind`` is ``chat`` or ``text``, ``body`` what llama.cpp's OpenAI dialect takes.

        Chunks come with ``error`` where llama.cpp refuses after it has begun.

        Raises:
            ValueError: it refuses the body.
        """
        self._calls[kind](body | {"stream": True, "return_progress": True}, emit)

    def embed(self, body: dict[str, Any]) -> dict[str, Any]:
        """OpenAI's embeddings answer, or ``{"error": ...}``."""
        answer: dict[str, Any] = self._server.handle_embeddings(body)
        return answer


def _params(spec: LoadSpec) -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = str(spec.path)
    params.n_parallel = spec.slots
    params.n_ctx = spec.context * spec.slots
    params.embedding = spec.embedding
    # A pooled model reads a whole text at once, however long.
    params.n_batch = params.n_ubatch = spec.context if spec.embedding else PROMPT_BATCH
    for threads in (params.cpuparams, params.cpuparams_batch):
        threads.n_threads = spec.threads
    params.cache_ram_mib = spec.cache_ram_mib
    params.warmup = False
    params.verbosity = _ERRORS_ONLY
    _close(params)
    return params


def _close(params: Any) -> None:
    """Shuts what llama.cpp's own HTTP server would offer."""
    params.hostnames = [_SOCKET]
    params.api_keys = [secrets.token_hex(16)]
    params.cors_origins = ""
    params.ui = False
    params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = False
