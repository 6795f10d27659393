"""How much of a machine its Dask workers may take, so that models keep room. Pure: bytes and counts in, a share out.

Models are served first: a worker that lacks memory spills and goes on slowly, a model that lacks memory does not load.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

MIB: Final = 1024**2
GIB: Final = 1024**3
SYSTEM_LEAST: Final = 512 * MIB
"""The operating system and our own agent keep a tenth of the memory, within these bounds."""
SYSTEM_MOST: Final = 4 * GIB
SYSTEM_PART: Final = 10
BESIDE_GPU: Final = GIB
"""What an engine keeps in the machine's memory for models that lie in a GPU's: runtime, buffers, the file's cache."""
WORKER_LEAST: Final = 512 * MIB
"""A nanny and its worker take 134 MiB before the first task."""
THREADS_MOST: Final = 4
"""Of one worker: more of them wait for each other's lock of the interpreter."""
WORKERS_MOST: Final = 16


class WhyNone(StrEnum):
    """Why a machine has no worker; surfaces say it in their language."""

    MEMORY = "memory"
    """Too little is left beside the models."""
    SETTINGS = "settings"
    """Somebody set ``[compute] workers = 0``."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a machine has. Bytes."""

    memory: int
    """Of the machine, or of the container that this runs in."""
    cores: int
    """Physical ones."""
    gpus: tuple[int, ...] = ()
    """Memory of each that an engine can compute on; 0 for one that shares the machine's."""
    serves_models: bool = True


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody set by hand; None where nobody did. Bytes."""

    workers: int | None = None
    threads: int | None = None
    """Of each worker."""
    memory: int | None = None
    """Limit of each worker."""
    models: int | None = None
    """What models keep of the machine's own memory."""


@dataclass(frozen=True, slots=True)
class Share:
    """What Dask gets. ``why_none`` says why there is no worker."""

    workers: int
    threads: int
    """Of each worker."""
    memory: int
    """Limit of each worker, bytes."""
    gpus: int = 0
    why_none: WhyNone | None = None

    def resources(self, index: int) -> Mapping[str, float]:
        """What worker number ``index`` (from 0) tells the scheduler that it has.

        ``slot`` is a thread, ``MEMORY`` bytes. The first one has each ``GPU``: they are one pool, so that a task that
        needs two of them finds them.
        """
        own: dict[str, float] = {"slot": self.threads, "MEMORY": self.memory}
        if self.gpus and not index:
            own["GPU"] = self.gpus
        return MappingProxyType(own)


def share_of(ground: Ground, wish: Wish = Wish()) -> Share:
    """The share of a machine, as far as nobody has wished for another.

    Whoever sets a number of workers has them, were it at the expense of models; limits of memory that were set are cut
    to what is there.
    """
    memory = for_workers(ground, wish)
    cores = _cores(ground)
    count = wish.workers
    if count is None:
        least = min(wish.memory or WORKER_LEAST, max(memory, WORKER_LEAST))
        count = min(-(-cores // (wish.threads or THREADS_MOST)), memory // least, WORKERS_MOST)
    if count < 1:
        return Share(0, 0, 0, why_none=WhyNone.MEMORY if wish.workers is None else WhyNone.SETTINGS)
    threads = wish.threads or min(THREADS_MOST, max(1, cores // count))
    each = max(WORKER_LEAST, memory // count // MIB * MIB)
    return Share(count, threads, min(wish.memory or each, each), gpus=len(ground.gpus))


def share_with(ground: Ground, wish: Wish, index: int) -> Share:
    """The same where there is a worker number ``index`` (from 0): somebody may have asked for more of them."""
    found = share_of(ground, wish)
    return found if found.workers > index else share_of(ground, replace(wish, workers=index + 1))


def for_workers(ground: Ground, wish: Wish = Wish()) -> int:
    """Bytes that all workers together may take."""
    system = min(SYSTEM_MOST, max(SYSTEM_LEAST, ground.memory // SYSTEM_PART))
    left = max(0, ground.memory - system)
    return max(0, left - (_for_models(ground, left) if wish.models is None else wish.models))


def _for_models(ground: Ground, left: int) -> int:
    """What models keep of ``left``."""
    if not ground.serves_models:
        return 0
    # The models of a machine without a GPU's memory are its main guests, even before it has any.
    return BESIDE_GPU if any(ground.gpus) else left // 2


def _cores(ground: Ground) -> int:
    """Cores that workers may keep busy: one stays for the system; an engine without a GPU computes on half of them."""
    if ground.serves_models and not ground.gpus:
        return max(1, ground.cores // 2)
    return max(1, ground.cores - 1)
