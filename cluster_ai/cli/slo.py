"""``cluster-ai slo``: what is promised, what is left of it, and how fast it is spent."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cluster_ai.cli import place, show, silences
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from cluster_ai.client.slo_calls import Imported
    from cluster_ai.slo.types import BudgetView, ObjectiveView

COLUMNS: Final = ("slo", "service", "target", "period", "state", "left", "burn", "fires")
FIT: Final = show.fit_of(COLUMNS, whole=["slo", "state"], spare=("period", "service", "fires", "burn"))
WINDOWS: Final = ("window", "good", "valid", "burn", "eaten")
HOUR: Final = 3600
MOST_HOURS: Final = 2160


@click.group("slo", cls=Noun, help=t("slo.help"))
def slo() -> None:
    pass


slo.add_command(silences.silence)


@slo.command("list", help=t("slo.list"))
@as_json
def listing(*, as_json: bool) -> None:
    from cluster_ai.client import slo_calls

    with place.client() as client:
        found = client.send(slo_calls.slos())
        budgets = {one.slo_id: one for one in client.send(slo_calls.budgets())}
    if as_json:
        rows = [_whole(one, budgets.get(one.slo_id)) for one in found]
        show.out_json({"items": rows})
    else:
        show.table(_heads(COLUMNS), (_row(one, budgets.get(one.slo_id)) for one in found), fit=FIT)


@slo.command("show", help=t("slo.show"))
@click.argument("slo_id", metavar=t("meta.slo"))
@as_json
def one(*, slo_id: str, as_json: bool) -> None:
    from cluster_ai.client import slo_calls

    with place.client() as client:
        view = client.send(slo_calls.slo(slo_id))
        budget = client.send(slo_calls.budget(slo_id))
    if as_json:
        show.out_json(_whole(view, budget))
        return
    show.pairs(zip(_heads(COLUMNS), _row(view, budget), strict=True))
    for warning in view.warnings:
        show.say(show.safe(warning))


@slo.command("create", help=t("slo.create"))
@click.argument("slo_id", metavar=t("meta.slo"))
@click.option("--target", type=float, required=True, metavar=t("meta.percent"), help=t("slo.target"))
@click.option("--name", metavar=t("meta.name"), help=t("slo.name"))
@click.option("--days", type=click.IntRange(1, 90), default=30, show_default=True, metavar="N", help=t("slo.days"))
@click.option("--service", metavar=t("meta.name"), help=t("slo.service"))
@click.option(
    "--source", type=click.Choice(["gateway", "tickets", "nodes", "api"]), default="gateway", help=t("slo.source")
)
@click.option("--model", metavar=t("meta.model"), help=t("slo.model"))
@click.option("--faster-than", type=float, metavar=t("meta.seconds"), help=t("slo.faster_than"))
@as_json
def create(*, slo_id: str, target: float, days: int, as_json: bool, **more: Any) -> None:
    from cluster_ai.client import slo_calls

    query = {"source": more["source"], "model": more["model"], "threshold_seconds": more["faster_than"]}
    fields = {
        "slo_id": slo_id,
        "name": more["name"] or slo_id,
        "target": _share(target),
        "window_days": days,
        "service_name": more["service"] or more["source"],
        "slo_type": "LATENCY" if more["faster_than"] is not None else "AVAILABILITY",
        "sli_query": {name: value for name, value in query.items() if value is not None},
    }
    with place.client() as client:
        made = client.send(slo_calls.create_slo(fields))
    if as_json:
        show.out_json(made.model_dump(mode="json"))
        return
    show.say(t("slo.made", name=show.safe(made.slo_id)))
    for warning in made.warnings:
        show.say(show.safe(warning))


@slo.command("change", help=t("slo.change"))
@click.argument("slo_id", metavar=t("meta.slo"))
@click.option("--target", type=float, metavar=t("meta.percent"), help=t("slo.target"))
@click.option("--name", metavar=t("meta.name"), help=t("slo.new_name"))
@click.option("--days", type=click.IntRange(1, 90), metavar="N", help=t("slo.days"))
@click.option("--service", metavar=t("meta.name"), help=t("slo.new_service"))
@click.option("--model", metavar=t("meta.model"), help=t("slo.model"))
@click.option("--faster-than", type=float, metavar=t("meta.seconds"), help=t("slo.faster_than"))
@click.option("--on/--off", "enabled", default=None, help=t("slo.enabled"))
@as_json
def change(*, slo_id: str, as_json: bool, **more: Any) -> None:
    from cluster_ai.client import slo_calls

    if all(value is None for value in more.values()):
        raise InvalidInput(t("slo.no_change"), hint="cluster-ai slo change --help")
    with place.client() as client:
        seen = client.send(slo_calls.slo(slo_id))
        # Refused when somebody else changed it in between.
        made = client.send(slo_calls.change_slo(seen, _changed(seen.objective.model_dump(mode="json"), more)))
    if as_json:
        show.out_json(made.model_dump(mode="json"))
        return
    show.say(t("slo.changed", name=show.safe(made.slo_id)))
    for warning in made.warnings:
        show.say(show.safe(warning))


def _changed(fields: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """The whole objective with what was said of it."""
    faster, target = more["faster_than"], more["target"]
    said = {
        "name": more["name"],
        "window_days": more["days"],
        "service_name": more["service"],
        "enabled": more["enabled"],
        "target": None if target is None else _share(target),
        "slo_type": None if faster is None else "LATENCY",
    }
    query = {"model": more["model"], "threshold_seconds": faster}
    return fields | _said(said) | {"sli_query": fields["sli_query"] | _said(query)}


def _said(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _share(target: float) -> float:
    """99.9 is not a share; 100 times 0.999 is hardly meant."""
    return round(target / 100, 9) if target >= 1 else target


@slo.command("delete", help=t("slo.delete"))
@click.argument("slo_id", metavar=t("meta.slo"))
@click.option("--yes", is_flag=True, help=t("option.yes"))
def delete(*, slo_id: str, yes: bool) -> None:
    from cluster_ai.client import slo_calls

    with place.client() as client:
        view = client.send(slo_calls.slo(slo_id))
        if not yes:
            confirm(t("slo.delete_type", name=show.safe(view.slo_id)), view.slo_id)
        client.send(slo_calls.delete_slo(slo_id))
    show.say(t("slo.deleted", name=show.safe(slo_id)))


@slo.command("import", help=t("slo.import"))
@click.argument("file", metavar=t("meta.file"))
@click.option("--alerts", is_flag=True, help=t("slo.import_alerts"))
@click.option("--service", default="gateway", metavar=t("meta.name"), help=t("slo.service"))
@as_json
def take(*, file: str, alerts: bool, service: str, as_json: bool) -> None:
    from cluster_ai.client import slo_calls

    text = read(file)
    with place.client() as client:
        found = client.send(slo_calls.import_alerts(text, service) if alerts else slo_calls.import_openslo(text))
    if as_json:
        show.out_json(found.model_dump(mode="json"))
        return
    _tell(found)


@slo.command("export", help=t("slo.export"))
@click.argument("slo_id", required=False, default="", metavar=t("meta.slo"))
def export(*, slo_id: str) -> None:
    from cluster_ai.client import slo_calls

    with place.client() as client:
        show.out(show.safe(client.send(slo_calls.export(slo_id)), keep="\n"), newline=False)


@slo.command("rules", help=t("slo.rules"))
@click.argument("slo_id", required=False, default="", metavar=t("meta.slo"))
def rules(*, slo_id: str) -> None:
    from cluster_ai.client import slo_calls

    with place.client() as client:
        show.out(show.safe(client.send(slo_calls.rules(slo_id)), keep="\n"), newline=False)


@slo.command("test", help=t("slo.test"))
@click.argument("slo_id", metavar=t("meta.slo"))
@as_json
def test(*, slo_id: str, as_json: bool) -> None:
    from cluster_ai.client import slo_calls

    with place.client() as client:
        found = client.send(slo_calls.try_slo(slo_id))
    if as_json:
        show.out_json(found.model_dump(mode="json"))
    else:
        good = "" if found.sli_value is None else f"{found.sli_value:.4%}"
        rows = (("good", f"{found.good:g}"), ("valid", f"{found.valid:g}"), ("sli", good))
        show.pairs((t(f"column.{name}"), value) for name, value in rows)
    if found.problem:
        show.say(show.safe(found.problem))
        leave(Exit.DEGRADED)


@slo.command("budget", help=t("slo.budget"))
@click.argument("slo_id", metavar=t("meta.slo"))
@click.option("--again", is_flag=True, help=t("slo.again"))
@as_json
def budget(*, slo_id: str, again: bool, as_json: bool) -> None:
    from cluster_ai.client import slo_calls

    with place.client() as client:
        found = client.send(slo_calls.budget(slo_id, again=again))
    if as_json:
        show.out_json(found.model_dump(mode="json"))
        return
    ends = "" if found.exhausted_in_seconds is None else show.duration(found.exhausted_in_seconds)
    show.pairs(
        [
            (t("column.state"), show.state(found.status.value.lower())),
            (t("column.sli"), percent(found.sli_value)),
            (t("column.left"), percent(found.remaining)),
            (t("column.used"), f"{found.consumed:g} / {found.total:g}"),
            (t("column.exhausted"), ends),
        ]
    )
    show.out()
    show.table(_heads(WINDOWS), map(_window, found.burn_rates))


@slo.command("burn", help=t("slo.burn"))
@click.argument("slo_id", metavar=t("meta.slo"))
@click.option(
    "--hours", type=click.IntRange(1, MOST_HOURS), default=1, show_default=True, metavar="N", help=t("slo.hours")
)
@as_json
def burn(*, slo_id: str, hours: int, as_json: bool) -> None:
    from cluster_ai.client import slo_calls

    with place.client() as client:
        found = client.send(slo_calls.burn(slo_id, hours))
    if as_json:
        show.out_json(found.model_dump(mode="json"))
    else:
        show.table(_heads(WINDOWS), [_window(found)])


def read(file: str) -> str:
    """The text of a file; ``-`` is standard input.

    Raises:
        NotFound, InvalidInput: it is not there, or is no text.
    """
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except FileNotFoundError as exc:
        raise NotFound(t("slo.no_file", file=file)) from exc
    except UnicodeDecodeError as exc:
        raise InvalidInput(t("slo.no_text", file=file), path="file") from exc


def confirm(question: str, name: str) -> None:
    """Lets a person type a name before something is done that cannot be taken back."""
    if not sys.stdin.isatty():
        raise InvalidInput(t("option.yes_needed"), hint="--yes")
    if click.prompt(question, default="", show_default=False, err=True) != name:
        show.say(t("slo.kept"))
        leave(Exit.ERROR)


def percent(share: float | None) -> str:
    """A share as people read it; empty where nobody knows."""
    return "" if share is None else f"{share * 100:.4g} %"


def _heads(names: tuple[str, ...]) -> list[str]:
    return [t(f"column.{name}") for name in names]


def _whole(view: "ObjectiveView", budget: "BudgetView | None") -> dict[str, Any]:
    return {**view.model_dump(mode="json"), "budget": budget.model_dump(mode="json") if budget else None}


def _row(view: "ObjectiveView", budget: "BudgetView | None") -> tuple[object, ...]:
    target, days = percent(view.objective.target), f"{view.objective.window_days}d"
    if budget is None:
        return view.slo_id, view.objective.service_name, target, days, show.state("off"), "", "", ""
    rate = next((one.burn_rate for one in budget.burn_rates if one.window_seconds == HOUR), None)
    fires = ", ".join(dict.fromkeys(alert.severity for alert in budget.alerts if alert.fires))
    return (
        view.slo_id,
        view.objective.service_name,
        target,
        days,
        show.state(budget.status.value.lower()),
        percent(budget.remaining),
        "" if rate is None else f"{rate:.3g}x",
        fires,
    )


def _window(one: Any) -> tuple[object, ...]:
    rate = "" if one.burn_rate is None else f"{one.burn_rate:.4g}x"
    return show.duration(one.window_seconds), f"{one.good:g}", f"{one.valid:g}", rate, percent(one.eaten)


def _tell(found: "Imported") -> None:
    for view in found.objectives:
        show.out(show.safe(view.slo_id))
    for name in found.policies:
        show.out(show.safe(name))
    for name, reason in found.left_out.items():
        show.say(t("slo.left_out", name=show.safe(name), reason=show.safe(reason)))
    if found.left_out and not (found.objectives or found.policies):
        leave(Exit.PARTIAL)
