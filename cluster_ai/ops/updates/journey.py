"""From one version to another and, when that one does not become ready, back: all of it written down before it is done.

Until the note says ``switched`` all is as before. From then on whoever finds the note, and no process at work, goes
back to the version before (``finish``): the old program carries that out, for it is the one that is known to work.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import structlog

from cluster_ai.core import files
from cluster_ai.core.errors import ClusterError
from cluster_ai.nodes.bundle import switch
from cluster_ai.ops.updates.site import Site
from cluster_ai.ops.updates.types import Note, UpdateOutcome, UpdateRolledBack, UpdateStuck

log = structlog.get_logger(__name__)


class NotReady(ClusterError):
    """A version was started, and not all of its parts became ready. Nothing of it is left running."""

    code = "update_not_ready"


@dataclass(frozen=True, slots=True)
class Hands:
    """``stop`` ends the cluster, comes back when nothing of it is left, and says whether it ran. ``start`` starts the
    version of that name and waits until all its parts are ready; raises NotReady. ``resume`` does so with more
    patience, for the version that is known to work.
    """

    stop: Callable[[], bool]
    start: Callable[[str], None]
    resume: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Trip:
    """``prepare`` is done while nothing runs, before the switch. ``backup``: name of the one made before."""

    name: str
    backup: str = ""
    prepare: Callable[[], None] = lambda: None


def travel(site: Site, trip: Trip, hands: Hands, *, now: float) -> UpdateOutcome:
    """Has the version ``trip.name`` run, if it becomes ready. The caller holds ``site.only_one``.

    Where nothing ran before, nothing runs afterwards: it is started only to prove itself.

    Raises:
        UpdateRolledBack: it did not; the one before is in its place again.
        UpdateStuck: and that one does not start any more.
    """
    note = Note(
        prefix=str(site.prefix), before=switch.current(site.prefix), name=trip.name, revision=site.revision(), at=now
    )
    site.write_note(note)
    arrived, ran, reason = False, True, "interrupted"
    try:
        ran = hands.stop()
        site.keep_database()
        note = note.model_copy(update={"revision": site.revision(), "switched": True})
        site.write_note(note)
        trip.prepare()
        switch.flip(site.prefix, trip.name)
        hands.start(trip.name)
        if not ran:
            hands.stop()
        arrived = True
    except (ClusterError, OSError, switch.NoVersion) as exc:
        reason = _words(exc)
    finally:
        # However the trip ended: by Ctrl-C, or by an error that nobody thought of.
        if not arrived:
            _return(site, note, hands, _taken_back(site, note, hands, trip, reason=reason), ran=ran)
    outcome = UpdateOutcome(name=trip.name, before=note.before, at=now, result="kept", backup=trip.backup)
    site.end(outcome)
    return outcome


def finish(site: Site, hands: Hands) -> UpdateOutcome | None:
    """Ends an update whose process is gone, by going back; None when none was left. Starts nothing.

    The caller holds ``site.only_one``.
    """
    note = site.note()
    if note is None:
        return None
    if note.switched:
        hands.stop()
    restored = _switch_back(site, note)
    outcome = UpdateOutcome(
        name=note.name, before=note.before, at=note.at, result="interrupted", database_restored=restored
    )  # fmt: skip
    site.end(outcome)
    return outcome


def confirm(site: Site, *, running: str) -> bool:
    """The version ``running`` is ready, and nobody is left who waits for that: it stays.

    The caller holds ``site.only_one``. Answers whether there was an update to end.
    """
    note = site.note()
    if note is None or not note.switched or note.name != running:
        return False
    site.end(UpdateOutcome(name=note.name, before=note.before, at=note.at, result="kept"))
    return True


def _taken_back(site: Site, note: Note, hands: Hands, trip: Trip, *, reason: str) -> UpdateOutcome:
    """All is as it was before, but for what ran."""
    log.warning("the new version does not stay", name=note.name, before=note.before, reason=reason)
    hands.stop()
    restored = _switch_back(site, note)
    files.replace(site.prefix / switch.FAILED, f"{note.name}\n", mode=0o644)
    return UpdateOutcome(
        name=note.name,
        before=note.before,
        at=note.at,
        result="rolled_back",
        reason=reason,
        backup=trip.backup,
        database_restored=restored,
    )


def _return(site: Site, note: Note, hands: Hands, outcome: UpdateOutcome, *, ran: bool) -> NoReturn:
    try:
        if ran:
            hands.resume(note.before)
    except (ClusterError, OSError) as exc:
        raise UpdateStuck(
            f"{note.name} did not stay ({outcome.reason}), and {note.before} does not start: {_words(exc)}",
            hint="cluster-ai logs, then cluster-ai up",
        ) from exc
    finally:
        site.end(outcome)
    put_back = "; the database is as it was before" if outcome.database_restored else ""
    raise UpdateRolledBack(
        f"{note.name} did not become ready: {outcome.reason}. {note.before} {'runs' if ran else 'is in place'} again"
        f"{put_back}",
        hint="cluster-ai update status; cluster-ai logs",
    )


def _switch_back(site: Site, note: Note) -> bool:
    """Answers whether the database was put back."""
    if not note.switched:
        return False
    restores = note.restoring or site.is_migrated(note.revision)
    if restores:
        # Noted first: half of it done, the tables could no longer tell that it was needed.
        site.write_note(note.model_copy(update={"restoring": True}))
        site.put_back()
    switch.flip(site.prefix, note.before)
    return restores


def _words(exc: Exception) -> str:
    return exc.message if isinstance(exc, ClusterError) else str(exc)
