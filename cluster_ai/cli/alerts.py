"""``cluster-ai alerts``: what is wrong now, from all that watches, in one list."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.again import repeated
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from cluster_ai.client import Client
    from cluster_ai.plans.incident_views import IncidentView
    from cluster_ai.slo.types import BudgetView, FreezeView

COLUMNS: Final = ("kind", "subject", "since", "reason")
FIT: Final = show.fit_of(COLUMNS, whole=["subject"], spare=("since", "kind", "reason"))
Row = tuple[str, str, str, str]


@click.command("alerts", cls=Verb, help=t("alerts.help"))
@click.option("--watch", is_flag=True, help=t("option.watch"))
@as_json
def alerts(*, watch: bool, as_json: bool) -> None:
    wrong = False
    with place.client() as client:

        def look() -> None:
            nonlocal wrong
            firing, problems, incidents, freezes = _found(client)
            wrong = bool(firing or problems or incidents or freezes)
            if as_json:
                told = {"objectives": firing, "incidents": incidents, "freezes": freezes}
                values = {name: [one.model_dump(mode="json") for one in found] for name, found in told.items()}
                show.out_json({"problems": list(problems), **values}, compact=watch)
                return
            rows = [*map(_problem, problems), *_fires(firing), *map(_frozen, freezes), *map(_incident, incidents)]
            if rows:
                show.table([t(f"column.{name}") for name in COLUMNS], rows, fit=FIT)
            else:
                show.say(t("alerts.none"))

        repeated(look, watch=watch, clear=not as_json)
    if wrong:
        leave(Exit.DEGRADED)


def _found(
    client: "Client",
) -> "tuple[list[BudgetView], tuple[str, ...], tuple[IncidentView, ...], tuple[FreezeView, ...]]":
    from cluster_ai.client import plan_calls, slo_calls

    budgets = [one for one in client.send(slo_calls.budgets()) if any(alert.fires for alert in one.alerts)]
    incidents = client.send(plan_calls.incidents(limit=200)).items
    return budgets, client.overview().system.problems, incidents, client.send(slo_calls.freezes())


def _problem(sentence: str) -> Row:
    code, _, rest = sentence.partition(": ")
    return t("alerts.problem"), code, "", rest


def _fires(budgets: "Iterable[BudgetView]") -> "Iterable[Row]":
    for one in budgets:
        words = ", ".join(dict.fromkeys(alert.severity for alert in one.alerts if alert.fires))
        left = "" if one.remaining is None else t("alerts.left", share=f"{one.remaining:.1%}")
        yield t("alerts.objective"), one.slo_id, "", f"{words}  {left}".rstrip()


def _frozen(one: "FreezeView") -> Row:
    return t("alerts.freeze"), one.policy_name or one.policy_id, _age(one.triggered_at), one.reason


def _incident(one: "IncidentView") -> Row:
    return t("alerts.incident"), one.subject, _age(one.opened_at), f"{one.kind}: {one.detail}"


def _age(at: float) -> str:
    return show.duration(max(0.0, time.time() - at))
