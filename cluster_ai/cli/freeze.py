"""``cluster-ai freeze``: what is frozen and why, who lifts it, and the policies that make freezes."""

from typing import TYPE_CHECKING, Any, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.slo import confirm, percent
from cluster_ai.cli.words import t
from cluster_ai.core.errors import NotFound

if TYPE_CHECKING:
    from cluster_ai.client.sync import Client
    from cluster_ai.slo.types import FreezeView, PolicyView

COLUMNS: Final = ("freeze", "slo", "covers", "forbids", "since", "ended", "reason", "lifted")
FIT: Final = show.fit_of(COLUMNS, whole=["freeze"], spare=("lifted", "covers", "ended", "forbids", "since"))
POLICIES: Final = ("policy", "covers", "forbids", "below", "above", "least", "exempt")
SHORT: Final = 12
ACTIONS: Final = {"pull": "BLOCK_PULL", "deploy": "BLOCK_DEPLOY", "scale": "BLOCK_SCALE", "update": "BLOCK_UPDATE"}


@click.group("freeze", cls=Noun, help=t("freeze.help"))
def freeze() -> None:
    pass


@freeze.command("list", help=t("freeze.list"))
@as_json
def listing(*, as_json: bool) -> None:
    _show(as_json=as_json, past=False)


@freeze.command("history", help=t("freeze.history"))
@click.option(
    "--limit", type=click.IntRange(1, 500), default=50, show_default=True, metavar="N", help=t("freeze.limit")
)
@as_json
def history(*, limit: int, as_json: bool) -> None:
    _show(as_json=as_json, past=True, limit=limit)


@freeze.command("resolve", help=t("freeze.resolve"))
@click.argument("which", metavar=t("meta.freeze"))
@click.option("--reason", required=True, metavar=t("meta.text"), help=t("freeze.reason"))
def resolve(*, which: str, reason: str) -> None:
    from cluster_ai.client import slo_calls

    with place.client() as client:
        view = client.send(slo_calls.resolve(_named(client, which).event_id, reason))
    show.say(t("freeze.resolved", freeze=view.event_id[-SHORT:]))


@freeze.command("override", help=t("freeze.override"))
@click.argument("which", metavar=t("meta.freeze"))
@click.option("--reason", required=True, metavar=t("meta.text"), help=t("freeze.reason"))
@click.option(
    "--minutes", type=click.IntRange(1, 10_080), default=60, show_default=True, metavar="N", help=t("freeze.minutes")
)
def override(*, which: str, reason: str, minutes: int) -> None:
    from cluster_ai.client import slo_calls

    with place.client() as client:
        view = client.send(slo_calls.override(_named(client, which).event_id, reason, minutes))
    last = view.overrides[-1]
    short = view.event_id[-SHORT:]
    if last.in_force:
        show.say(t("freeze.overridden", freeze=short, minutes=minutes))
    else:
        show.say(t("freeze.second", freeze=short, override=last.override_id))


@freeze.command("approve", help=t("freeze.approve"))
@click.argument("which", metavar=t("meta.freeze"))
@click.argument("override_id", metavar=t("meta.override"))
def approve(*, which: str, override_id: str) -> None:
    from cluster_ai.client import slo_calls

    with place.client() as client:
        view = client.send(slo_calls.approve(_named(client, which).event_id, override_id))
    show.say(t("freeze.approved", freeze=view.event_id[-SHORT:]))


@freeze.group("policy", cls=Noun, help=t("freeze.policy"))
def policy() -> None:
    pass


@policy.command("list", help=t("freeze.policy_list"))
@as_json
def policies(*, as_json: bool) -> None:
    from cluster_ai.client import slo_calls

    with place.client() as client:
        found = client.send(slo_calls.policies())
    if as_json:
        show.out_json({"items": [one.model_dump(mode="json") for one in found]})
    else:
        show.table([t(f"column.{name}") for name in POLICIES], map(_policy, found))


@policy.command("create", help=t("freeze.policy_create"))
@click.argument("policy_id", metavar=t("meta.policy"))
@click.option("--service", metavar=t("meta.name"), help=t("freeze.service"))
@click.option("--group", metavar=t("meta.name"), help=t("freeze.group"))
@click.option("--everything", is_flag=True, help=t("freeze.everything"))
@click.option("--block", "actions", type=click.Choice(list(ACTIONS)), multiple=True, help=t("freeze.block"))
@click.option("--below", type=float, default=0.0, show_default=True, metavar=t("meta.share"), help=t("freeze.below"))
@click.option("--above", type=float, default=0.1, show_default=True, metavar=t("meta.share"), help=t("freeze.above"))
@click.option(
    "--minutes", type=click.IntRange(0, 43_200), default=15, show_default=True, metavar="N", help=t("freeze.least")
)
@click.option("--exempt", "exemptions", multiple=True, metavar=t("meta.pattern"), help=t("freeze.exempt"))
def create(*, policy_id: str, minutes: int, **more: Any) -> None:
    from cluster_ai.client import slo_calls

    scope = "GLOBAL" if more["everything"] else "GROUP" if more["group"] else "SERVICE"
    fields = {
        "policy_id": policy_id,
        "name": policy_id,
        "scope": scope,
        "target": "" if scope == "GLOBAL" else more["group"] or more["service"] or "gateway",
        "actions": [ACTIONS[name] for name in more["actions"]] or ["ALERT_ONLY"],
        "trigger_below": more["below"],
        "release_above": more["above"],
        "min_duration_s": minutes * 60,
        "exemptions": list(more["exemptions"]),
    }
    with place.client() as client:
        made = client.send(slo_calls.create_policy(fields))
    show.say(t("freeze.policy_made", name=show.safe(made.policy_id)))


@policy.command("delete", help=t("freeze.policy_delete"))
@click.argument("policy_id", metavar=t("meta.policy"))
@click.option("--yes", is_flag=True, help=t("option.yes"))
def delete(*, policy_id: str, yes: bool) -> None:
    from cluster_ai.client import slo_calls

    if not yes:
        confirm(t("freeze.policy_delete_type", name=show.safe(policy_id)), policy_id)
    with place.client() as client:
        client.send(slo_calls.delete_policy(policy_id))
    show.say(t("freeze.policy_deleted", name=show.safe(policy_id)))


def _show(*, as_json: bool, past: bool, limit: int = 100) -> None:
    from cluster_ai.client import slo_calls

    with place.client() as client:
        found = client.send(slo_calls.freezes(past=past, limit=limit))
    if as_json:
        show.out_json({"items": [one.model_dump(mode="json") for one in found]})
    else:
        show.table([t(f"column.{name}") for name in COLUMNS], map(_row, found), fit=FIT)


def _named(client: "Client", which: str) -> "FreezeView":
    """The active freeze whose id begins, or ends, so; nobody types 36 characters.

    Raises:
        NotFound: none, or several.
    """
    from cluster_ai.client import slo_calls

    known = client.send(slo_calls.freezes())
    found = [one for one in known if one.event_id.startswith(which) or one.event_id.endswith(which)]
    if len(found) != 1:
        raise NotFound(t("freeze.unknown", name=which[:40]), hint="cluster-ai freeze list")
    return found[0]


def _row(one: "FreezeView") -> tuple[object, ...]:
    lifted = [row for row in one.overrides if row.in_force]
    return (
        one.event_id[-SHORT:],
        one.slo_id,
        one.target or t("text.all"),
        _forbids(one.actions),
        show.at(one.triggered_at),
        "" if one.resolved_at is None else f"{show.at(one.resolved_at)} {one.resolution}",
        one.reason,
        "" if not lifted else t("freeze.until", at=show.at(lifted[-1].expires_at), by=lifted[-1].requested_by),
    )


def _policy(one: "PolicyView") -> tuple[object, ...]:
    rule = one.policy
    return (
        one.policy_id,
        rule.target or t("text.all"),
        _forbids(rule.actions),
        percent(rule.trigger_below),
        percent(rule.release_above),
        show.duration(rule.min_duration_s),
        ", ".join(rule.exemptions),
    )


def _forbids(actions: Any) -> str:
    return ", ".join(str(action.value).removeprefix("BLOCK_").lower() for action in actions)
