"""The runner process and this side of it."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster_ai.engines import process
from cluster_ai.engines.catalog import smollm_file
from cluster_ai.engines.process import LoadFailed, Runner, RunnerDied
from cluster_ai.engines.types import LoadSpec

pytestmark = pytest.mark.real

STORY = {"messages": [{"role": "user", "content": "Write a long story."}], "temperature": 0.8}


def spec(path: Path) -> LoadSpec:
    return LoadSpec(path=path, embedding=False, threads=1, slots=2, context=1024, cache_ram_mib=0)


@asynccontextmanager
async def loaded() -> AsyncIterator[Runner]:
    runner = await Runner.start(spec(smollm_file()))
    try:
        yield runner
    finally:
        await runner.stop()


async def ask(runner: Runner, kind: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    async with runner.exchange(kind, body) as chunks:
        return [chunk async for chunk in chunks]


@pytest.mark.anyio
async def test_it_listens_on_nothing_with_a_name() -> None:
    async with loaded() as runner:
        listening = Path(f"/proc/{runner.pid}/net/tcp").read_text().splitlines()[1:]
        inodes = {str(link.readlink()) for link in Path(f"/proc/{runner.pid}/fd").iterdir() if link.exists()}
        ours = [line for line in listening if f"socket:[{line.split()[9]}]" in inodes]
        assert not ours
        named = [line.split()[-1] for line in Path("/proc/net/unix").read_text().splitlines() if "llama.sock" in line]
        assert not any(Path(name).exists() for name in named)


@pytest.mark.anyio
async def test_file_that_llama_cannot_load(tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(smollm_file().read_bytes()[:5_000_000])
    with pytest.raises(LoadFailed, match=r"llama.cpp cannot load it"):
        await Runner.start(spec(cut))


@pytest.mark.anyio
async def test_refusals_come_as_errors_and_the_runner_goes_on() -> None:
    async with loaded() as runner:
        assert (await ask(runner, "chat", {"messages": 5}))[0]["error"]["code"] == 400
        assert (await ask(runner, "embed", {"input": "x"}))[0]["error"]["code"] == 501
        # llama.cpp complains of this one in a line of more than 200 kB.
        loud = {"type": "array", "items": {"enum": ["x" * 200_000]}, "minItems": 100_000_000}
        wanted = {"response_format": {"type": "json_schema", "json_schema": {"schema": loud}}}
        assert "grammar" in (await ask(runner, "chat", STORY | wanted))[0]["error"]["message"]
        assert (
            "usage"
            in (await ask(runner, "chat", STORY | {"max_tokens": 2, "stream_options": {"include_usage": True}}))[-1]
        )


@pytest.mark.anyio
async def test_leaving_ends_the_writing_at_once() -> None:
    async with loaded() as runner:
        async with runner.exchange("chat", STORY) as chunks:
            for _ in range(5):
                await anext(chunks)
            began = time.monotonic()
        assert time.monotonic() - began < 5


@pytest.mark.anyio
async def test_killed_runner_is_told_of() -> None:
    async with loaded() as runner:
        async with runner.exchange("chat", STORY) as chunks:
            await anext(chunks)
            os.kill(runner.pid, signal.SIGKILL)
            assert await runner.wait() == "SIGKILL"
            [chunk async for chunk in chunks]
        assert not runner.alive
        with pytest.raises(RunnerDied):
            await ask(runner, "chat", STORY)


@pytest.mark.anyio
async def test_runner_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LET_GO_SECONDS", 0.3)
    async with loaded() as runner:
        async with runner.exchange("chat", STORY) as chunks:
            await anext(chunks)
            os.kill(runner.pid, signal.SIGSTOP)
        assert await asyncio.wait_for(runner.wait(), 5) == "SIGKILL"
