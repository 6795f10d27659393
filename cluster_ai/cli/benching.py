"""``cluster-ai model bench``: how fast each node answers with a model."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import click

from cluster_ai.cli import benched, place, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import ClusterError

if TYPE_CHECKING:
    from cluster_ai.cli.gateway import Gateway

COLUMNS: Final = ("node", "load", "ttft", "reads", "speed", "together", "problem")
FIT: Final = show.fit_of(COLUMNS, whole=["node", "speed"], spare=("problem", "reads", "load", "together"))
PROMPT: Final = "Write a long story about a lighthouse keeper who mends clocks. Begin at once, and do not stop early."


@click.command("bench", cls=Verb, help=t("model.bench"))
@click.argument("name", metavar=t("meta.model"))
@click.option("--node", "nodes", multiple=True, metavar=t("meta.node"), help=t("model.bench_node"))
@click.option(
    "--runs", type=click.IntRange(1, 1000), default=3, show_default=True, metavar="N", help=t("model.bench_runs")
)
@click.option(
    "--tokens", type=click.IntRange(1, 4096), default=64, show_default=True, metavar="N", help=t("model.bench_tokens")
)
@click.option(
    "--parallel", type=click.IntRange(1, 64), default=1, show_default=True, metavar="N", help=t("model.bench_parallel")
)
@click.option("--prompt", default=PROMPT, metavar=t("meta.text"), help=t("model.bench_prompt"))
@as_json
def bench(*, name: str, nodes: tuple[str, ...], as_json: bool, **how: Any) -> None:
    from cluster_ai.cli.gateway import Gateway
    from cluster_ai.cli.model import named

    with place.client() as client:
        model = named(client.models(), name)
    with Gateway(place.settings()) as gateway:
        problems: list[ClusterError] = []
        rows = [_measured(gateway, model.name, node, how, problems) for node in nodes or model.nodes]
    if problems and len(problems) == len(rows):
        raise problems[0]
    if as_json:
        asked = {"model": model.name, **{word: how[word] for word in ("runs", "tokens", "parallel")}}
        show.out_json({**asked, "items": rows})
    else:
        show.table([t(f"column.{column}") for column in COLUMNS], map(_row, rows), fit=FIT)
    if problems:
        leave(Exit.PARTIAL)


def _measured(
    gateway: "Gateway", model: str, node: str, how: dict[str, Any], problems: list[ClusterError]
) -> dict[str, Any]:
    """What the node did. One that fails is noted and keeps the others from nothing."""
    show.say(t("model.benching", node=show.safe(node)))
    options = {"num_predict": how["tokens"], "temperature": 0, "seed": 1}

    def answer(number: int) -> benched.Run:
        # Nodes remember what they have read: each prompt begins with something else.
        messages = [{"role": "user", "content": f"{number}. {how['prompt']}"}]
        body = {"model": model, "messages": messages, "stream": True, "options": options}
        began = time.monotonic()
        with gateway.stream("/api/chat", body, node=node) as said:
            return benched.run_of(said.lines, began, time.monotonic)

    try:
        # The first one may load the model, and counts for nothing else.
        first = answer(0)
        began = time.monotonic()
        with ThreadPoolExecutor(how["parallel"]) as crew:
            runs = list(crew.map(answer, range(1, how["runs"] + 1)))
    except ClusterError as exc:
        problems.append(exc)
        return {"node": node, "load_seconds": None, **benched.figures((), 0.0), "error": show.reason(exc)}
    found = benched.figures(runs, time.monotonic() - began)
    return {"node": node, "load_seconds": first.load, **found, "error": ""}


def _row(row: dict[str, Any]) -> tuple[object, ...]:
    return (
        row["node"],
        _seconds(row["load_seconds"]),
        _seconds(row["ttft_seconds"]),
        _rate(row["prompt_tokens_per_second"]),
        _rate(row["tokens_per_second"]),
        _rate(row["all_tokens_per_second"]),
        row["error"],
    )


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def _rate(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
