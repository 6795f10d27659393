"""``cluster-ai node power``: what machines draw, what it costs and yields."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from cluster_ai.nodes.views import EnergyView, PowerView

FIGURES: Final = ("energy", "measured", "per_watt_hour", "cost")
MACHINES: Final = ("machine", "watts", *FIGURES)
DAYS: Final = ("day", *FIGURES)
SPARE: Final = ("measured", "per_watt_hour")
MACHINES_FIT: Final = show.fit_of(MACHINES, whole=["machine"], spare=SPARE)
DAYS_FIT: Final = show.fit_of(DAYS, whole=["day"], spare=SPARE)
KILO: Final = 1000.0
CENT: Final = 0.01


@click.command("power", cls=Verb, help=t("node.power"))
@click.option(
    "--days", type=click.IntRange(1, 366), default=30, show_default=True, metavar="N", help=t("node.power_days")
)
@as_json
def power(*, days: int, as_json: bool) -> None:
    from cluster_ai.client import machines

    first = datetime.now(UTC).date() - timedelta(days - 1)
    with place.client() as client:
        found = client.send(machines.power(first=first.isoformat()))
        joined = bool(found.machines or found.untold or client.send(machines.machines()))
    if as_json:
        show.out_json(found.model_dump(mode="json"))
        return
    if found.machines:
        _tell(found, days)
    else:
        show.say(t("power.nothing") if joined else t("power.no_machine"))
    if found.untold:
        show.say(t("power.untold", names=show.safe(", ".join(found.untold))))


def _tell(found: "PowerView", days: int) -> None:
    show.pairs(
        [
            (t("column.now"), watts(found.watts)),
            (t("column.today"), _sum(found.today)),
            (t("power.days", count=days), _sum(found.total)),
            (t("column.cost"), money(found.total.cost, found.currency)),
            (t("column.per_watt_hour"), _rate(found.total)),
            (t("column.per_million"), money(found.total.cost_of_a_million, found.currency)),
        ]
    )
    show.out()
    heads = [t(f"column.{name}") for name in MACHINES]
    rows = ((one.machine, watts(one.watts), *_figures(one.energy, found)) for one in found.machines)
    show.table(heads, rows, fit=MACHINES_FIT)
    if found.days:
        show.out()
        heads = [t(f"column.{name}") for name in DAYS]
        show.table(heads, ((one.day, *_figures(one.energy, found)) for one in found.days), fit=DAYS_FIT)


def _figures(energy: "EnergyView", found: "PowerView") -> tuple[str, ...]:
    covered = show.duration(energy.measured_seconds)
    return watt_hours(energy.watt_hours), covered, _rate(energy), money(energy.cost, found.currency)


def _sum(energy: "EnergyView") -> str:
    return t("power.covers", energy=watt_hours(energy.watt_hours), time=show.duration(energy.measured_seconds))


def _rate(energy: "EnergyView") -> str:
    rate = energy.tokens_per_watt_hour
    # A machine that wrote nothing of ours drew all the same.
    return "" if rate is None else f"{rate:.0f}" if rate >= 1 or not rate else f"{rate:.2f}"


def watts(drawn: float | None) -> str:
    return "" if drawn is None else f"{drawn:.0f} W"


def watt_hours(energy: float) -> str:
    """As people read them; from a thousand on in kilowatt-hours."""
    return f"{energy / KILO:.2f} kWh" if energy >= KILO else f"{energy:.1f} Wh"


def money(amount: float | None, currency: str) -> str:
    """Empty without a price; what is less than a cent with its first figures."""
    if amount is None:
        return ""
    return f"{amount:.2f} {currency}" if amount >= CENT or not amount else f"{amount:.2g} {currency}"


VERBS: Final = (power,)
