"""A head's database from its file into an empty PostgreSQL: a cluster that grows keeps all it knows."""

from datetime import UTC, datetime

from cluster_ai.core import files
from cluster_ai.core.errors import NotFound
from cluster_ai.core.paths import PRIVATE_DIR, Home
from cluster_ai.core.wire import View
from cluster_ai.ops import tables
from cluster_ai.ops.pouring import pour
from cluster_ai.supervisor.lock import only_one


class Moved(View):
    """``rows`` by table; ``aside``: where the file lies that nobody reads any more."""

    rows: dict[str, int]
    aside: str


def move(home: Home, server: str, *, now: float) -> Moved:
    """Pours the file of ``home``, whose cluster must not run, into the empty database ``server``, then sets it aside.

    A process that is killed before the end of the pouring leaves both as they were; after it the rows are in both.

    Raises:
        AlreadyRuns, StillUsed: the cluster runs.
        NotFound: there is no file.
        DatabaseNotEmpty, DatabaseUnavailable, BackupUnproven: nothing was changed.
    """
    home.make()
    with only_one(home):
        if not home.database.is_file():
            raise NotFound(f"there is no {home.database}", hint="an empty cluster begins on PostgreSQL: cluster-ai up")
        tables.refuse_used(home.database)
        tables.check_whole(home.database)
        rows = pour(f"sqlite:///{home.database}", server)
        aside = home.root / f"before-move-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
        aside.mkdir(mode=PRIVATE_DIR)
        for file in home.database.parent.glob(f"{home.database.name}*"):
            file.rename(aside / file.name)
        files.sync(aside)
        files.sync(home.database.parent)
        return Moved(rows=rows, aside=str(aside))
