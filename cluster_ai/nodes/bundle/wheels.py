"""The wheels of an environment, fetched once by the head for machines that need no network of their own for it."""

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cluster_ai.core.errors import Unavailable
from cluster_ai.nodes.bundle.manifest import Target
from cluster_ai.nodes.bundle.pins import lines_for

LOCKS: Final = ("bootstrap.lock", "runtime.lock", "models.lock")
"""The first brings uv: what unfolds the others on a machine, be its Python ever so bare."""
PLATFORMS: Final = ("manylinux2014", "manylinux_2_17", "manylinux_2_28")
"""Oldest first: a wheel that runs with an older C library runs with the newer ones, too."""
Told = Callable[[int, int], None]
"""Packages that were looked up, and of how many."""


class NoWheels(Unavailable):
    """The wheels of an environment could not be fetched."""


async def fill(folder: Path, root: Path, target: Target, told: Told) -> None:
    """Makes ``folder`` hold every wheel that the locks in ``root`` name for ``target``, and nothing else.

    Whole or not at all: it has its name only when all of them are there, each with the hash of its lock.

    Raises:
        NoWheels: the package index does not answer, or has none for such machines.
    """
    if await asyncio.to_thread(folder.is_dir):
        return
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    await asyncio.to_thread(_empty, draft)
    try:
        await _download(draft, root, target, told)
        await asyncio.to_thread(draft.rename, folder)
    finally:
        await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)


def arguments(folder: Path, pins: Path, target: Target) -> tuple[str, ...]:
    """Of pip, which takes the index and the proxy that this machine is set up for."""
    platforms = [argument for name in PLATFORMS for argument in ("--platform", f"{name}_{target.architecture}")]
    return (
        *(
            sys.executable,
            "-m",
            "pip",
            "download",
            "--progress-bar",
            "off",
            "--disable-pip-version-check",
            "--no-input",
        ),
        *("--require-hashes", "--only-binary", ":all:", "--no-deps", "--dest", str(folder)),
        *("--python-version", target.python, *platforms, "-r", str(pins)),
    )


async def _download(folder: Path, root: Path, target: Target, told: Told) -> None:
    pins = folder / "pins.txt"
    total = await asyncio.to_thread(_write_pins, pins, root, target)
    process = await asyncio.create_subprocess_exec(
        *arguments(folder, pins, target),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None, "it is a pipe"
    assert process.stderr is not None, "it is a pipe"
    try:
        async with asyncio.TaskGroup() as group:
            errors = group.create_task(process.stderr.read())
            await _count(process.stdout, total, told)
            await process.wait()
    finally:
        # However this ends, the child ends with it.
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    await asyncio.to_thread(pins.unlink)
    if process.returncode:
        why = _cause(errors.result().decode("utf-8", "replace"))
        raise NoWheels(
            f"the packages for {target} could not be fetched: {why}",
            hint="see that this machine reaches its package index; it is tried again with the next machine",
        )


async def _count(output: asyncio.StreamReader, total: int, told: Told) -> None:
    """Pip begins a line with each package's name."""
    done = 0
    async for line in output:
        done += line.startswith(b"Collecting ")
        told(min(done, total), total)


def _write_pins(path: Path, root: Path, target: Target) -> int:
    """Answers how many there are."""
    locks = [(root / "requirements" / name).read_text(encoding="utf-8") for name in LOCKS]
    lines = [line for lock in locks for line in lines_for(lock, target)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)


def _cause(text: str) -> str:
    """The last line that says something; where no index is reached pip says that there is no such package."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if "connection broken by" in text and lines[-1].startswith("ERROR: No matching distribution"):
        return "no package index is reached from here"
    return lines[-1].removeprefix("ERROR: ")[:300] if lines else "pip said nothing"
