"""Objectives and freeze policies that people keep in YAML files: what a file says counts, as long as it can be read.

A file that is wrong changes nothing: what it said before stays, and an event tells what is wrong. What a file no longer
says is forgotten, and so is what a file said that is gone.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.errors import ClusterError, InvalidInput
from cluster_ai.core.outbox import unit
from cluster_ai.slo import openslo, tables
from cluster_ai.slo.given import Given
from cluster_ai.slo.objectives import KeptInFile, Objectives, drop
from cluster_ai.slo.policies import Policies
from cluster_ai.slo.tables import Page
from cluster_ai.slo.types import ObjectiveView, PolicyView

log = structlog.get_logger(__name__)

MOST_FILES: Final = 200
MOST: Final = 1000
Mark = tuple[int, int]
"""Time of the last change, and size."""


@dataclass(slots=True)
class Files:
    """Owns what stands in files."""

    given: Given
    objectives: Objectives
    policies: Policies
    problems: dict[str, str] = field(default_factory=dict)
    """What is wrong, by file."""
    _known: dict[str, Mark] = field(default_factory=dict)
    _first: bool = True

    async def look(self) -> None:
        """Reads files that are new or changed, and forgets what those said that are gone."""
        found = await asyncio.to_thread(_marks, self.given.folder)
        for name in sorted(found):
            if self._known.get(name) != found[name]:
                await self._take(name, frozenset(found))
        gone = self._known.keys() - found.keys()
        if gone or self._first:
            await self._forget(frozenset(found))
        for name in gone:
            self.problems.pop(name, None)
        self._known, self._first = found, False

    def anew(self) -> None:
        """Takes nothing for known: another head's files may have counted meanwhile."""
        self._known, self._first = {}, True

    async def _take(self, name: str, there: frozenset[str]) -> None:
        try:
            text = await asyncio.to_thread(_text, self.given.folder / name)
            said = openslo.read(text)
            async with self.given.database.transaction() as connection:
                await self._store(connection, name, said, there)
        except ClusterError as exc:
            await self._refused(name, exc)
        else:
            self.problems.pop(name, None)

    async def _store(self, connection: AsyncConnection, name: str, said: openslo.Read, there: frozenset[str]) -> None:
        """Puts what the file says in the place of what it said. A renamed file keeps what it had."""
        kept_objectives, kept_policies = set(), set()
        for one in said.objectives:
            before = await tables.objective(connection, str(one.slo_id))
            _refuse_others(str(one.slo_id), before, name, there)
            await self.objectives.put(connection, one, origin=name, before=before)
            kept_objectives.add(one.slo_id)
        for rule in said.policies:
            known = await tables.policy(connection, str(rule.policy_id))
            _refuse_others(str(rule.policy_id), known, name, there)
            await self.policies.put(connection, str(rule.policy_id), rule, before=known, origin=name)
            kept_policies.add(rule.policy_id)
        for view in await tables.objectives(connection, Page(MOST)):
            if view.origin == name and view.slo_id not in kept_objectives:
                await drop(connection, view.slo_id)
        for policy in await tables.all_policies(connection, Page(MOST)):
            if policy.origin == name and policy.policy_id not in kept_policies:
                await tables.remove_policy(connection, policy.policy_id)

    async def _forget(self, there: frozenset[str]) -> None:
        """What came from files that are gone."""
        async with self.given.database.transaction() as connection:
            for view in await tables.objectives(connection, Page(MOST)):
                if view.origin and view.origin not in there:
                    await drop(connection, view.slo_id)
            for policy in await tables.all_policies(connection, Page(MOST)):
                if policy.origin and policy.origin not in there:
                    await tables.remove_policy(connection, policy.policy_id)

    async def _refused(self, name: str, error: ClusterError) -> None:
        self.problems[name] = error.message
        log.warning("file of objectives not taken", file=name, code=error.code, reason=error.message)
        async with unit(self.given.database, self.given.tell) as work:
            work.say(self.given.event("slo.file_refused", name, code=error.code, reason=error.message))


def _refuse_others(what: str, known: ObjectiveView | PolicyView | None, name: str, there: frozenset[str]) -> None:
    if known is not None and known.origin != name and (not known.origin or known.origin in there):
        raise KeptInFile(f"{what} is there already, from {known.origin or 'the API'}")


def _marks(folder: Path) -> dict[str, Mark]:
    found = {}
    for pattern in ("*.yaml", "*.yml"):
        for path in sorted(folder.glob(pattern))[:MOST_FILES] if folder.is_dir() else ():
            stat = path.stat()
            found[path.name] = (stat.st_mtime_ns, stat.st_size)
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidInput(f"{path.name} cannot be read: {exc}"[:300], path="file") from exc
