"""``cluster-ai gateway``: where calls went, why, and what became of them."""

import time
from typing import TYPE_CHECKING, Final, TypeVar

import click

from cluster_ai.cli import gateway_now, place, show
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import Forbidden, InvalidInput, NotFound, Unavailable

if TYPE_CHECKING:
    from cluster_ai.client import Client
    from cluster_ai.client.calls import Call
    from cluster_ai.gateway.watching.logged import RequestView

T = TypeVar("T")

REFUSED: Final = "refused"
# The id is what other verbs are given.
DECISIONS: Final = ("age", "model", "node", "request")
DECISIONS_FIT: Final = show.fit_of(DECISIONS, whole=["model", "request"], spare=("age", "node"))
CALLS: Final = ("age", "model", "node", "result", "total", "ttft", "tokens", "caller", "request")
CALLS_FIT: Final = show.fit_of(
    CALLS,
    whole=["model", "result", "request"],
    spare=("caller", "tokens", "ttft", "total", "age", "node"),
)


@click.group(cls=Noun, help=t("gateway.help"))
def gateway() -> None:
    pass


for verb in gateway_now.VERBS:
    gateway.add_command(verb)


@gateway.command("why", help=t("gateway.why"))
@click.argument("request", metavar=t("meta.request_optional"), required=False)
@as_json
def why(*, request: str | None, as_json: bool) -> None:
    from cluster_ai.client import records

    with place.client() as client:
        request = request or _last(client)
        decision, logged = _found(client, records.decision(request)), _found(client, records.request(request))
        if decision is None and logged is None:
            # Asked again for its own words: it says what is kept, and for how long.
            decision = client.send(records.decision(request))
    if as_json:
        told = {"decision": decision, "request": logged}
        show.out_json({name: None if row is None else row.model_dump(mode="json") for name, row in told.items()})
        return
    from cluster_ai.cli import scores

    refused = logged is not None and logged.outcome == REFUSED
    if decision is not None:
        scores.show_decision(decision, refused=refused)
    elif not refused:
        show.say(t("gateway.scores_gone"))
    if logged is None:
        show.say(t("gateway.no_ending"))
        return
    if refused:
        show.out(show.safe(t("gateway.refused", code=logged.code, sentence=show.meaning(logged.code))))
    _show_ending(logged, why=decision is None)


@gateway.command("decisions", help=t("gateway.decisions"))
@click.option("--limit", type=click.IntRange(1, 512), default=20, show_default=True, help=t("gateway.limit"))
@as_json
def decisions(*, limit: int, as_json: bool) -> None:
    from cluster_ai.client import records

    with place.client() as client:
        found = client.send(records.decisions(limit)).items
    if as_json:
        show.out_json({"items": [row.model_dump(mode="json") for row in found]})
        return
    show.table(
        [t(f"column.{name}") for name in DECISIONS],
        [(show.duration(row.age_seconds), row.model, row.node, row.request_id) for row in found],
        fit=DECISIONS_FIT,
    )


@gateway.command("log", help=t("gateway.log"))
@click.option("--model", metavar=t("meta.model"), help=t("gateway.log_model"))
@click.option("--node", metavar=t("meta.node"), help=t("gateway.log_node"))
@click.option("--key", metavar=t("meta.key"), help=t("gateway.log_key"))
@click.option("--outcome", type=click.Choice(["done", "cancelled", "refused", "broken"]), help=t("gateway.log_outcome"))
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help=t("gateway.limit"))
@as_json
def log(*, limit: int, as_json: bool, **filters: str | None) -> None:
    from cluster_ai.client import records

    with place.client() as client:
        page = client.send(records.requests({name: value for name, value in filters.items() if value}, limit=limit))
    if as_json:
        show.out_json({"items": [row.model_dump(mode="json") for row in page.items]})
        return
    show.table([t(f"column.{name}") for name in CALLS], map(_row, page.items), fit=CALLS_FIT)


def _row(row: "RequestView") -> tuple[object, ...]:
    return (
        _age(row),
        row.model,
        row.node,
        _result(row),
        _seconds(row.total_seconds),
        _seconds(row.ttft_seconds),
        f"{row.prompt_tokens}+{row.output_tokens}",
        row.caller,
        row.request_id,
    )


def _show_ending(row: "RequestView", *, why: bool) -> None:
    show.out()
    pairs = [
        ("model", row.model if row.answered_by in {"", row.model} else f"{row.model} -> {row.answered_by}"),
        ("node", row.node),
        ("result", _result(row)),
        ("code", row.code),
        ("caller", row.caller),
        ("waited", _seconds(row.queue_seconds)),
        ("load", _seconds(row.load_seconds)),
        ("ttft", _seconds(row.ttft_seconds)),
        ("total", _seconds(row.total_seconds)),
        ("tokens", f"{row.prompt_tokens} + {row.output_tokens}"),
        ("attempts", row.attempts),
        ("trace", row.trace_id),
    ]
    if why:
        pairs[2:2] = [("why", row.why), ("tried", "; ".join(f"{node}: {text}" for node, text in row.tried.items()))]
    show.pairs((t(f"column.{name}"), value) for name, value in pairs)


def _last(client: "Client") -> str:
    """The id of the newest call that was sent to a node.

    Raises:
        NotFound: the gateway remembers none.
    """
    from cluster_ai.client import records

    newest = client.send(records.decisions(1)).items
    if not newest:
        raise NotFound(t("gateway.no_calls"), hint="cluster-ai gateway log")
    return newest[0].request_id


def _found(client: "Client", call: "Call[T]") -> "T | None":
    """The answer; None where there is none for this caller, for whichever reason."""
    try:
        return client.send(call)
    except (NotFound, Forbidden, InvalidInput, Unavailable):
        return None


def _result(row: "RequestView") -> str:
    """The status of an answer, the code of a refusal, how it ended for all others."""
    if row.outcome == "done":
        return str(row.status)
    return (row.outcome == REFUSED and row.code) or row.outcome


def _age(row: "RequestView") -> str:
    return show.duration(max(0.0, time.time() - row.at))


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"
