"""``cluster-ai slo silence``: alerts that are quiet for a while, as the Alertmanager has it."""

import re
from typing import TYPE_CHECKING, Any, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput

if TYPE_CHECKING:
    from cluster_ai.client.slo_calls import Silence

COLUMNS: Final = ("silence", "state", "alerts", "until", "by", "reason")
FIT: Final = show.fit_of(COLUMNS, whole=["silence", "state"], spare=("by", "until", "reason"))
_MATCH: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<how>=~|!~|!=|=)(?P<value>.*)", re.DOTALL)
"""As Alertmanager writes matchers."""
_HOW: Final = {(True, False): "=", (True, True): "=~", (False, False): "!=", (False, True): "!~"}
"""(is equal, is a regular expression) -> between name and value."""


@click.group("silence", cls=Noun, help=t("silence.help"))
def silence() -> None:
    pass


@silence.command("list", help=t("silence.list"))
@as_json
def listing(*, as_json: bool) -> None:
    from cluster_ai.client import slo_calls

    with place.client() as client:
        found = client.send(slo_calls.silences())
    if as_json:
        show.out_json({"items": [one.model_dump(mode="json") for one in found]})
    else:
        show.table([t(f"column.{name}") for name in COLUMNS], map(_row, found), fit=FIT)


@silence.command("add", help=t("silence.add"))
@click.argument("matchers", nargs=-1, required=True, metavar=t("meta.matchers"))
@click.option("--reason", required=True, metavar=t("meta.text"), help=t("silence.reason"))
@click.option(
    "--minutes", type=click.IntRange(1, 129_600), default=60, show_default=True, metavar="N", help=t("silence.minutes")
)
@as_json
def add(*, matchers: tuple[str, ...], reason: str, minutes: int, as_json: bool) -> None:
    from cluster_ai.client import slo_calls

    body = {"matchers": [matcher(text) for text in matchers], "minutes": minutes, "comment": reason}
    with place.client() as client:
        made = client.send(slo_calls.add_silence(body))
    if as_json:
        show.out_json(made.model_dump(mode="json"))
    else:
        show.say(t("silence.added", silence=show.safe(made.id), minutes=minutes))


@silence.command("remove", help=t("silence.remove"))
@click.argument("silence_id", metavar=t("meta.silence"))
@as_json
def remove(*, silence_id: str, as_json: bool) -> None:
    from cluster_ai.client import slo_calls

    with place.client() as client:
        client.send(slo_calls.remove_silence(silence_id))
    if as_json:
        show.out_json({"removed": silence_id})
    else:
        show.say(t("silence.removed", silence=show.safe(silence_id)))


def matcher(text: str) -> dict[str, Any]:
    """A label and what it is to be: ``slo=chat``, ``severity!=page``, ``slo=~chat.*``.

    Raises:
        InvalidInput: it says something else.
    """
    found = _MATCH.fullmatch(text)
    if found is None:
        raise InvalidInput(t("silence.no_matcher", text=show.safe(text)), path="matchers")
    how = found["how"]
    return {"name": found["name"], "value": found["value"], "isRegex": "~" in how, "isEqual": not how.startswith("!")}


def _row(one: "Silence") -> tuple[object, ...]:
    alerts = ", ".join(map(_shown, one.matchers))
    return one.id, show.state(one.state), alerts, one.ends_at, one.created_by, one.comment


def _shown(match: dict[str, Any]) -> str:
    how = _HOW[match.get("isEqual", True) is not False, bool(match.get("isRegex"))]
    return f"{match.get('name', '')}{how}{match.get('value', '')}"
