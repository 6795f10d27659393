"""Words of updates: their settings, what is offered, how the last one went, and why one is refused. Pure."""

import re
from typing import Final, Literal

from pydantic import Field

from cluster_ai.core.errors import Conflict, InvalidInput, NotFound, Unavailable, Unsupported
from cluster_ai.core.wire import Slice, View

Result = Literal["kept", "rolled_back", "interrupted"]
NAME: Final = "cluster-ai-{target}.tar"
"""A bundle in a folder, or below an address; ``target`` is ``py3.11-x86_64``."""


class UpdateSettings(Slice):
    """Where new versions of the head's program come from. Nobody looks for any unless ``source`` is set."""

    source: str = Field(
        default="",
        max_length=1024,
        pattern=r"^(https://\S+|/.+)?$",
        description="A folder, a bundle file, or the https address of a folder; nobody looks when empty.",
    )
    signer: str = Field(
        default="",
        pattern=r"^([0-9a-f]{64})?$",
        description="SHA-256 of the certificate that signs new versions; this cluster's own authority when empty.",
    )
    check_hours: float = Field(
        default=24.0, ge=1, le=8760, description="The head that leads looks there so often, when `source` is set."
    )
    ready_seconds: float = Field(
        default=60.0, gt=0, le=3600, description="A new version whose parts are not all ready by then is taken back."
    )


class UpdateCheckout(Unsupported):
    """This program is a checkout, or is looked after by another machine."""

    code = "update_not_installed"


class UpdateNoSource(InvalidInput):
    """Nobody said where new versions lie."""

    code = "update_no_source"


class UpdateUnverified(Conflict):
    """It is not what the signer signed, or no bundle at all."""

    code = "update_unverified"


class UpdateUnreachable(Unavailable):
    """Where new versions lie cannot be read."""

    code = "update_unreachable"


class UpdateNotNewer(Conflict):
    """It is older than what runs."""

    code = "update_not_newer"


class UpdateUnusable(Conflict):
    """The new version cannot be unfolded here, or does not know the tables."""

    code = "update_unusable"


class UpdateRuns(Conflict):
    """Another update is going on."""

    code = "update_runs"


class UpdateDatabase(Conflict):
    """The new version changes tables that could not be put back."""

    code = "update_database_elsewhere"


class UpdateRolledBack(Conflict):
    """The new version did not become ready; the one before runs again."""

    code = "update_rolled_back"


class UpdateStuck(Conflict):
    """Neither the new version nor the one before became ready."""

    code = "update_stuck"


class NoOlderVersion(NotFound):
    """There is no version to go back to."""

    code = "update_no_older"


class UpdateOffer(View):
    """A version that could be installed. ``name`` is its folder's; ``size`` in bytes; ``failed``: it was tried last,
    and did not stay.
    """

    name: str
    version: str
    size: int = Field(ge=0)
    failed: bool = False


class Note(View):
    """An update that is going on. ``revision``: of the tables before. ``switched``: from here on the new one may run;
    ``restoring``: from here on the tables are being put back.
    """

    prefix: str
    before: str
    name: str
    revision: str
    at: float
    switched: bool = False
    restoring: bool = False


class UpdateOutcome(View):
    """How the last update ended. ``before`` ran until then. ``backup``: its file's name. ``database_restored``: the
    tables were put back as they had been before.
    """

    name: str
    before: str
    at: float
    result: Result
    reason: str = ""
    backup: str = ""
    database_restored: bool = False


class UpdatesView(View):
    """What runs, what could, and how the last update went. ``checked_at``: when the source was last looked at;
    ``problem``: why that did not work.
    """

    version: str
    current: str
    installed: bool
    versions: tuple[str, ...] = ()
    configured: bool = False
    checked_at: float | None = None
    available: UpdateOffer | None = None
    problem: str = ""
    going_on: bool = False
    last: UpdateOutcome | None = None


def order_of(version: str) -> tuple[int, ...]:
    """``0.10.1`` after ``0.9``; what follows the numbers does not count."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def is_offered(version: str, name: str, *, running: str, current: str) -> bool:
    """Whether it is not older than what runs, and another one."""
    return name != current and order_of(version) >= order_of(running)
