"""What an update works with at this head: its versions, where newer ones lie, a backup, and the processes."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cluster_ai.cli import backup_place, place, show
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from cluster_ai.ops.updates import applying, desk, journey
    from cluster_ai.ops.updates.site import Site
    from cluster_ai.ops.updates.source import Source

PATIENCE: Final = 300.0
"""As ``cluster-ai up`` has it."""


def site(prefix: Path | None = None) -> "Site":
    """This installed head; ``prefix`` says where, for a note that another version left.

    Raises:
        UpdateCheckout: it is a checkout, or a machine that its head upgrades.
    """
    from cluster_ai.nodes.bundle import switch
    from cluster_ai.ops.updates import types
    from cluster_ai.ops.updates.site import Site

    settings, found = place.settings(), prefix or switch.prefix_of()
    if settings.agent.has_joined:
        raise types.UpdateCheckout(
            t("update.member"), hint="cluster-ai node upgrade", values={"about": "member"}
        )  # fmt: skip
    if found is None:
        raise types.UpdateCheckout(t("update.checkout"), hint=t("update.checkout_hint"), values={"about": "checkout"})
    home = settings.paths
    return Site(found, home, is_file=settings.effective_database_url.partition(":///")[2] == str(home.database))


def config() -> "desk.UpdatesConfig":
    from cluster_ai.ops.updates import desk

    settings = place.settings()
    return desk.UpdatesConfig(settings.paths, settings.update)


def source(file: str | None) -> "Source":
    """Raises UpdateNoSource: neither a file nor the settings name any."""
    from cluster_ai.ops.updates import desk

    return desk.source_of(config(), str(Path(file).absolute()) if file else "")


def means(site: "Site", *, saved: bool) -> "applying.Means":
    from cluster_ai.ops.updates import applying

    url = place.settings().effective_database_url
    return applying.Means(hands(site), _backup, url, saved=saved, tell=lambda step: show.say(t(f"update.step.{step}")))


def hands(site: "Site") -> "journey.Hands":
    """Processes of this machine."""
    from cluster_ai.cli import kept
    from cluster_ai.ops.updates import journey

    # Read while it runs: its ports are those that it comes back on.
    seconds = place.settings().update.ready_seconds
    # Who had stopped it has it stopped again afterwards.
    stays = kept.stays_stopped(site.home)
    return journey.Hands(
        stop=lambda: kept.end(site.home, stay=stays),
        start=lambda name: _start(site, name, seconds),
        resume=lambda name: _start(site, name, max(seconds, PATIENCE)),
    )


def _start(site: "Site", name: str, seconds: float) -> None:
    from cluster_ai.cli import kept, launch, watching
    from cluster_ai.ops.updates import journey

    if kept.runner(site.home):
        _let_start(site, seconds)
        return
    start = launch.launch(site.home, site.python(name))
    try:
        start.until_up(ready=True, seconds=seconds)
    except watching.DidNotCome as exc:
        why = start.why(exc)
        start.take_down()
        raise journey.NotReady(why) from exc
    except BaseException:
        start.take_down()
        raise


def _let_start(site: "Site", seconds: float) -> None:
    """By its service, which runs the version that ``current`` leads to."""
    from cluster_ai.cli import kept, progress, watching
    from cluster_ai.ops.updates import journey

    kept.let_go(site.home)
    try:
        with progress.progress() as shown:
            watching.until(site.home, lambda view: view.ready, seconds=seconds, shown=shown)
    except watching.DidNotCome as exc:
        late = [part for part in (exc.view.parts if exc.view else ()) if part.state != "ready"]
        said = [progress.described(part) for part in late if part.error or part.last_exit][:1]
        kept.end(site.home, stay=False)
        raise journey.NotReady(
            ": ".join([", ".join(part.name for part in late) or "supervisor", *said]), hint="cluster-ai logs"
        ) from exc


def _backup() -> str:
    from cluster_ai.ops import creating

    key = backup_place.own_key()
    path = creating.create(place.home(), backup_place.shelf(), key, now=time.time())
    backup_place.shelf().thin(backup_place.keep())
    return path.name
