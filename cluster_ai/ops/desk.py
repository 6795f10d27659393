"""What can be done with the backups of a running head. Everything here blocks: call it in a thread."""

from dataclasses import dataclass
from pathlib import Path

import structlog

from cluster_ai.core.paths import Home
from cluster_ai.ops import creating, proving
from cluster_ai.ops.keeping import Keep, is_due
from cluster_ai.ops.sealed import Key
from cluster_ai.ops.shelf import Shelf
from cluster_ai.ops.types import BackupSettings, BackupView

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BackupsConfig:
    """What is backed up, and how."""

    home: Home
    database_url: str
    settings: BackupSettings


class Desk:
    """The backups of one head, sealed with the key in its data directory."""

    def __init__(self, config: BackupsConfig) -> None:
        self._config = config
        self._home = config.home
        self._shelf = Shelf(folder_of(config.settings, config.home))

    def all(self) -> tuple[BackupView, ...]:
        """The newest first."""
        return self._shelf.all()

    def create(self, *, now: float) -> BackupView:
        """A proven one; afterwards those that nobody wants any more are gone."""
        url = self._config.database_url
        creating.refuse_elsewhere(self._home, url)
        key, fresh = Key.made(self._home.backup_key)
        if fresh:
            log.warning("a key of backups was made; keep a copy of it elsewhere", file=str(self._home.backup_key))
        path = creating.create(self._home, self._shelf, key, now=now, server=creating.server_of(url))
        self._shelf.thin(keep_of(self._config.settings))
        return self._shelf.get(path.name)

    def verify(self, name: str) -> BackupView:
        """Restores it for a trial once more.

        Raises:
            BackupNotFound: there is none.
            BackupCorrupt, BackupTruncated, BackupWrongKey, BackupNewer, BackupUnproven: it is not good.
        """
        proving.prove(self._shelf.path(name), self._home, Key.of_file(self._home.backup_key))
        return self._shelf.get(name)

    def remove(self, name: str) -> None:
        self._shelf.remove(name)

    def path(self, name: str) -> Path:
        """Raises BackupNotFound: there is none."""
        return self._shelf.path(name)

    def is_due(self, *, now: float, tried: float | None) -> bool:
        """Whether one should be made by itself; ``tried``: when that was tried last."""
        moments = [one.made_at for one in self.all() if one.verified] + ([] if tried is None else [tried])
        return is_due(max(moments, default=None), now=now, every_hours=self._config.settings.every_hours)


def folder_of(settings: BackupSettings, home: Home) -> Path:
    """Where they lie."""
    return Path(settings.folder).expanduser().absolute() if settings.folder else home.backups


def keep_of(settings: BackupSettings) -> Keep:
    """How many are kept."""
    return Keep(newest=settings.keep_newest, daily=settings.keep_daily, weekly=settings.keep_weekly)
