"""``cluster-ai update``: the program of an installed head, looked for, tried behind a gate, and taken back."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cluster_ai.cli import show, update_make, update_place
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Noun, Verb, as_json
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from cluster_ai.ops.updates.types import UpdateOutcome, UpdatesView


@click.group("update", cls=Noun, help=t("update.help"))
def update() -> None:
    pass


saved = click.option("--database-saved", is_flag=True, help=t("update.saved"))
for one in (update_make.pack, update_make.install):
    update.add_command(one)


@update.command("check", cls=Verb, help=t("update.check"))
@click.argument("file", required=False, metavar=t("meta.bundle_optional"))
@as_json
def check(*, file: str | None, as_json: bool) -> None:
    from cluster_ai.ops.updates.applying import offer_of

    site = update_place.site()
    offer = offer_of(update_place.source(file).look(), site.prefix)
    if as_json:
        show.out_json({"available": None if offer is None else offer.model_dump(mode="json")})
    elif offer is None:
        show.say(t("update.newest"))
    else:
        show.out(offer.name)
        show.say(t("update.there", version=offer.version, size=show.size(offer.size)))
        if offer.failed:
            show.say(t("update.did_not_stay"))


@update.command("apply", cls=Verb, help=t("update.apply"))
@click.argument("file", required=False, metavar=t("meta.bundle_optional"))
@saved
@as_json
def apply(*, file: str | None, database_saved: bool, as_json: bool) -> None:
    from cluster_ai.ops.updates import applying

    site, source = update_place.site(), update_place.source(file)
    means = update_place.means(site, saved=database_saved)
    _tell(applying.apply(site, source, means, now=time.time()), as_json=as_json)


@update.command("rollback", cls=Verb, help=t("update.rollback"))
@saved
@as_json
def rollback(*, database_saved: bool, as_json: bool) -> None:
    from cluster_ai.ops.updates import applying

    site = update_place.site()
    means = update_place.means(site, saved=database_saved)
    _tell(applying.roll_back(site, means, now=time.time()), as_json=as_json)


@update.command("status", cls=Verb, help=t("update.status"))
@as_json
def status(*, as_json: bool) -> None:
    from cluster_ai.ops.updates.desk import Desk

    view = Desk(update_place.config()).view()
    if as_json:
        show.out_json(view.model_dump(mode="json"))
        return
    _draw(view)


@update.command("finish", cls=Verb, help=t("update.finish"))
@click.option("--prefix", type=click.Path(path_type=Path), metavar=t("meta.folder"), help=t("update.prefix"))
def finish(*, prefix: Path | None) -> None:
    from cluster_ai.ops.updates import journey

    site = update_place.site(prefix)
    with site.only_one():
        outcome = journey.finish(site, update_place.hands(site))
    show.say(t("update.unfinished_none") if outcome is None else t("update.went_back", name=outcome.before))


def _tell(outcome: "UpdateOutcome | None", *, as_json: bool) -> None:
    if as_json:
        show.out_json({"outcome": None if outcome is None else outcome.model_dump(mode="json")})
    elif outcome is None:
        show.say(t("update.newest"))
    else:
        show.say(t("update.kept", name=outcome.name, before=outcome.before))
    leave(Exit.OK)


def _draw(view: "UpdatesView") -> None:
    rows = [(t("column.version"), view.current or view.version)]
    if not view.installed:
        rows.append((t("column.state"), t("update.checkout")))
    if view.versions:
        rows.append((t("update.versions"), ", ".join(view.versions)))
    if view.going_on:
        rows.append((t("column.state"), t("update.going_on")))
    if view.last is not None:
        said = t(f"update.result.{view.last.result}", name=view.last.name, before=view.last.before)
        rows.append((t("update.last"), f"{said} ({show.at(view.last.at)})"))
        if view.last.reason:
            rows.append((t("update.reason"), show.safe(view.last.reason)))
    show.pairs(rows)
