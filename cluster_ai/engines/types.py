"""Words of the embedded node. Pure."""

from pathlib import Path

from pydantic import Field

from cluster_ai.core.wire import ModelName, Slice, View


class LocalModel(Slice):
    """A GGUF file of the user's own, served beside the built-in models."""

    name: ModelName = Field(description="Name it is asked for by, for example ``mine:7b``.")
    path: Path = Field(description="The GGUF file.")
    embedding: bool = Field(default=False, description="Serve it for embeddings instead of chat.")


class NodeSettings(Slice):
    """Slice of the embedded node."""

    enabled: bool = Field(default=True, description="Start the embedded node with the cluster.")
    threads: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Threads for inference; physical cores - 1 when not set, so that the other parts get their turn.",
    )
    slots: int = Field(default=4, ge=1, le=64, description="Answers one model writes at the same time.")
    queue: int = Field(default=64, ge=0, le=10_000, description="Requests that may wait for a slot; more get 503.")
    context: int = Field(
        default=2048, ge=256, le=1_048_576, description="Tokens of context per slot (num_ctx default)."
    )
    cache_ram_mib: int = Field(default=64, ge=0, le=1_048_576, description="Prompt cache in memory, MiB.")
    keep_alive_seconds: float = Field(
        default=300.0, ge=-1, le=31_536_000, description="An idle model is unloaded after this; -1 keeps it."
    )
    models: tuple[LocalModel, ...] = Field(default=(), description="Further GGUF files to serve.")


class LoadSpec(View):
    """How one model is to stand in memory. ``context`` is in tokens, for each of the ``slots``."""

    path: Path
    embedding: bool
    threads: int
    slots: int
    context: int
    cache_ram_mib: int
