"""An update from its first look to its end: what must be so, a backup, the new version beside the old, and the trip."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster_ai import __version__
from cluster_ai.core import migrate
from cluster_ai.core.errors import ClusterError
from cluster_ai.nodes.bundle import manifest as bundles
from cluster_ai.nodes.bundle import switch, unfold
from cluster_ai.ops.updates import journey
from cluster_ai.ops.updates import source as sources
from cluster_ai.ops.updates.site import Site
from cluster_ai.ops.updates.types import (
    NoOlderVersion,
    UpdateDatabase,
    UpdateNotNewer,
    UpdateOffer,
    UpdateOutcome,
    UpdateUnusable,
    is_offered,
)
from cluster_ai.supervisor.preflight import NoSpace

FETCHED: Final = "fetched"
MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Means:
    """``backup`` makes a proven one and answers its name; ``saved``: the database has a backup of somebody else's;
    ``tell`` hears the name of each step.
    """

    hands: journey.Hands
    backup: Callable[[], str]
    database_url: str
    saved: bool = False
    tell: Callable[[str], None] = lambda _step: None


def offer_of(manifest: bundles.Manifest, prefix: Path) -> UpdateOffer | None:
    """What a source has, when it is not older than this program, and another one."""
    current = switch.current(prefix)
    if not is_offered(manifest.version, manifest.name, running=__version__, current=current):
        return None
    failed = switch.failed(prefix) == manifest.name
    return UpdateOffer(name=manifest.name, version=manifest.version, size=manifest.size, failed=failed)


def apply(site: Site, source: sources.Source, means: Means, *, now: float) -> UpdateOutcome | None:
    """Has the version that ``source`` offers run, once it has proved itself; None when it runs already.

    Raises:
        UpdateRuns, UpdateUnverified, UpdateUnreachable, UpdateNotNewer, UpdateUnusable, UpdateDatabase, NoSpace, and
            whatever a backup may: nothing was changed.
        UpdateRolledBack: it did not become ready; the version before runs again.
        UpdateStuck: nor did that one.
    """
    with site.only_one():
        means.tell("look")
        manifest = source.look()
        if manifest.name == switch.current(site.prefix):
            return None
        _refuse(site, manifest)
        backup = ""
        if site.is_file and site.home.database.is_file():
            means.tell("backup")
            backup = means.backup()
        means.tell("unfold")
        _beside(site, source, manifest)
        _refuse_tables(site, manifest.name, saved=means.saved)
        means.tell("switch")
        return _tried(site, journey.Trip(manifest.name, backup), means, now=now)


def roll_back(site: Site, means: Means, *, now: float) -> UpdateOutcome:
    """Goes to the version that ran before; tables that it does not know are undone first.

    Raises:
        NoOlderVersion: there is none.
        UpdateRolledBack, UpdateStuck, UpdateDatabase, UpdateRuns: as ``apply``.
    """
    with site.only_one():
        name = older(site)
        _refuse_tables(site, name, saved=means.saved, back=True)
        backup = ""
        if site.is_file and site.home.database.is_file():
            means.tell("backup")
            backup = means.backup()
        means.tell("switch")
        known = site.known_revisions(name)

        def prepare() -> None:
            if known and site.revision() > known[-1]:
                migrate.downgrade(means.database_url, to=known[-1])

        return _tried(site, journey.Trip(name, backup, prepare), means, now=now)


def older(site: Site) -> str:
    """The version to go back to.

    Raises:
        NoOlderVersion: there is none.
    """
    current, last = switch.current(site.prefix), site.outcome()
    others = [name for name in switch.versions(site.prefix) if name != current]
    if last is not None and last.result == "kept" and last.name == current and last.before in others:
        return last.before
    if not others:
        raise NoOlderVersion(f"{site.prefix} has no version but {current}", hint="cluster-ai update status")
    return others[-1]


def _tried(site: Site, trip: journey.Trip, means: Means, *, now: float) -> UpdateOutcome:
    switch.forget_failure(site.prefix)
    outcome = journey.travel(site, trip, means.hands, now=now)
    switch.prune(site.prefix)
    return outcome


def _refuse(site: Site, manifest: bundles.Manifest) -> None:
    current = switch.current(site.prefix)
    if not is_offered(manifest.version, manifest.name, running=__version__, current=current):
        raise UpdateNotNewer(
            f"{manifest.version} is older than {__version__}, which runs", hint="cluster-ai update rollback"
        )
    if (lack := sources.room_for(manifest, site.prefix, times=unfold.UNPACKED + 2)) > 0:
        raise NoSpace(
            f"{site.prefix} lacks {lack // MIB + 1} MiB for the new version", hint="free some space, then again"
        )


def _beside(site: Site, source: sources.Source, manifest: bundles.Manifest) -> None:
    """Unfolds the version, unless it lies there whole."""
    if manifest.name in switch.versions(site.prefix):
        return
    folder = site.prefix / FETCHED
    try:
        bundle = source.fetched(folder)
        files = source.unfolded(bundle, folder)
        if files.name != manifest.name:
            raise UpdateUnusable("the source changed meanwhile", hint="again")
        unfold.unfold(folder, files, site.prefix, sys.executable)
    except (bundles.BadBundle, unfold.CannotUnfold) as exc:
        raise UpdateUnusable(str(exc), hint="nothing was changed") from exc
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse_tables(site: Site, name: str, *, saved: bool, back: bool = False) -> None:
    """Raises UpdateUnusable or UpdateDatabase: that version does not know our tables, or nobody could put them back."""
    known, own = site.known_revisions(name), site.known_revisions(switch.current(site.prefix))
    found = site.revision()
    if found and found not in known and not back:
        raise UpdateUnusable(f"{name} does not know the tables of version {found}", hint="nothing was changed")
    if not site.is_file and known != own and not saved:
        raise UpdateDatabase(
            f"{name} changes tables, and the database is not this head's own file",
            hint="save it: cluster-ai backup create; then again with --database-saved",
        )


def words_of(exc: ClusterError) -> str:
    """For a field of a view."""
    return f"{exc.code}: {exc.message}"
