"""The processes of one part: launched with all that they inherit, and asked whether they are ready."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from cluster_ai.core.errors import ClusterError
from cluster_ai.core.sockets import HANDED, door_of
from cluster_ai.supervisor.listeners import Listeners
from cluster_ai.supervisor.logfile import LogFile
from cluster_ai.supervisor.probes import knock
from cluster_ai.supervisor.process import Group, running
from cluster_ai.supervisor.types import PartSpec


class NotLaunched(Exception):
    """There is no process; the text says why."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process of the part, and what ends with it."""

    group: Group
    stack: AsyncExitStack

    async def close(self) -> None:
        """Ends it, however it is."""
        await self.stack.aclose()


@dataclass(frozen=True, slots=True)
class Ground:
    """What the parts of a cluster share: their ``env``, their sockets, and the folder ``run`` with their doors."""

    env: Mapping[str, str]
    listeners: Listeners
    run: Path


class Launcher:
    """Of one part. All that its processes say goes to one log."""

    def __init__(self, spec: PartSpec, ground: Ground, *, log: Path) -> None:
        self._spec = spec
        self._ground = ground
        self._log = LogFile(log)

    async def launch(self) -> Process:
        """A new process.

        Raises:
            NotLaunched: there is none.
        """
        stack, env = AsyncExitStack(), {**self._ground.env, **self._spec.env}
        try:
            number = self._ground.listeners.held_by(self._spec)
            handed = {} if number is None else {HANDED: str(number)}
            down = () if number is None else (number,)
            starting = running(self._spec.argv, env=env | handed, log=self._log, hand_down=down)
            group = await stack.enter_async_context(starting)
        except OSError as exc:
            raise NotLaunched(f"{self._spec.argv[0]}: {exc.strerror or exc}") from exc
        except ClusterError as exc:
            raise NotLaunched(exc.message) from exc
        return Process(group, stack)

    async def knock(self, group: Group) -> str:
        """Why that process is not ready; empty when it is."""
        door = door_of(self._ground.run, self._spec.door, group.pid) if self._spec.door else None
        return await knock(self._spec.probes, door)

    def let_go(self) -> None:
        """Nobody will accept what comes at the part's socket now."""
        self._ground.listeners.let_go(self._spec)

    def begin(self) -> None:
        """A new life of the part: what an earlier one said is not this one's."""
        self._log.begin()

    def last_words(self) -> str:
        """Why a process ended, as far as it said."""
        return self._log.last_words()

    def close(self) -> None:
        self.let_go()
        self._log.close()
