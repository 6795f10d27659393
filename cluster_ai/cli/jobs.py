"""``cluster-ai map`` and ``run-example``: work that is spread over the cluster."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.bar import Bar
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Noun, Verb, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput

if TYPE_CHECKING:
    from cluster_ai.compute.jobs import MapPlan, MapResult, WordsResult

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples"
FILE: Final = click.Path(path_type=Path, dir_okay=False)
Options = Callable[[Callable[..., None]], Callable[..., None]]

with_output = click.option("--output", type=FILE, required=True, metavar=t("meta.file"), help=t("map.output"))
with_model = click.option("--model", required=True, metavar=t("meta.model"), help=t("map.model"))
with_slots = click.option("--slots", type=click.IntRange(1, 256), default=4, metavar="N", help=t("map.slots"))
with_restart = click.option("--restart", is_flag=True, help=t("map.restart"))


@click.command("map", cls=Verb, help=t("map.help"))
@click.option("--input", "source", type=FILE, required=True, metavar=t("meta.file"), help=t("map.input"))
@with_output
@click.option("--prompt", required=True, metavar=t("meta.text"), help=t("map.prompt"))
@with_model
@click.option("--system", default="", metavar=t("meta.text"), help=t("talk.system"))
@with_slots
@click.option("--ordered", is_flag=True, help=t("map.ordered"))
@with_restart
@click.option("--retry-failed", is_flag=True, help=t("map.retry_failed"))
@as_json
def map_lines(*, source: Path, as_json: bool, **chosen: Any) -> None:
    _map(_plan(source, chosen), as_json=as_json)


@click.group("run-example", cls=Noun, help=t("example.help"))
def run_example() -> None:
    pass


@run_example.command("words", help=t("example.words"))
@click.argument("path", type=click.Path(path_type=Path), metavar=t("meta.path"))
@click.option("--top", type=click.IntRange(1, 1000), default=20, metavar="N", help=t("example.top"))
@as_json
def count_words(*, path: Path, top: int, as_json: bool) -> None:
    from cluster_ai.compute.jobs import words

    with Bar() as bar:
        found = words(path.absolute(), scheduler=_scheduler(), on_progress=lambda d, n, _: bar.draw(d, n), top=top)
    if as_json:
        show.out_json(found.model_dump(mode="json"))
    else:
        _show_words(found)


@run_example.command("map", help=t("example.map"))
@click.option("--output", type=FILE, default=Path("answers.jsonl"), metavar=t("meta.file"), help=t("map.output"))
@click.option("--model", default="smollm2:135m", metavar=t("meta.model"), help=t("map.model"))
@with_slots
@with_restart
@as_json
def map_example(*, as_json: bool, **chosen: Any) -> None:
    prompt = "Answer in one sentence: {line}"
    _map(_plan(EXAMPLES / "questions.txt", {"prompt": prompt, **chosen}), as_json=as_json)


def _plan(source: Path, chosen: dict[str, Any]) -> "MapPlan":
    from pydantic import ValidationError

    from cluster_ai.compute.jobs import MapPlan

    try:
        return MapPlan(input=source, **chosen)
    except ValidationError as exc:
        first = exc.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise InvalidInput(f"--{name}: {first['msg'].removeprefix('Value error, ')}", path=name) from exc


def _map(plan: "MapPlan", *, as_json: bool) -> None:
    from cluster_ai.compute.jobs import map_prompt
    from cluster_ai.core.logging import configure

    settings = place.settings()
    configure(component="map", level="warning")
    with Bar() as bar:
        result = map_prompt(
            plan,
            scheduler=_scheduler(),
            gateway=settings.gateway_url,
            on_progress=lambda done, total, failed: bar.draw(
                done, total, note=t("map.failed", count=failed) if failed else ""
            ),
        )
    if as_json:
        show.out_json({**result.model_dump(mode="json"), "partial": result.partial})
    _tell(plan, result)


def _tell(plan: "MapPlan", result: "MapResult") -> None:
    """How it ended, to the person; leaves with the code that says so."""
    show.say(
        t(
            "map.done",
            answered=result.answered,
            total=result.total,
            seconds=f"{result.seconds:.1f}",
            output=show.safe(plan.output),
        )
    )
    if result.resumed:
        show.say(t("map.resumed", count=result.resumed))
    if result.failed:
        show.say(t("map.some_failed", count=result.failed))
    if result.stopped:
        show.say(t("map.stopped", reason=show.safe(result.stopped)))
    if result.interrupted or result.stopped:
        show.say(t("map.go_on"))
    if result.interrupted:
        leave(Exit.INTERRUPTED)
    leave(Exit.PARTIAL if result.partial else Exit.OK)


def _show_words(found: "WordsResult") -> None:
    show.table([t("column.count"), t("column.word")], [(item.count, item.word) for item in found.top])
    summary = t(
        "example.counted",
        words=found.words,
        distinct=found.distinct,
        files=found.files,
        size=show.size(found.size),
        seconds=f"{found.seconds:.1f}",
    )
    show.say(f"\n{summary}")
    for worker, count in found.shares.items():
        show.say(f"  {show.safe(worker)}: {count}")
    if found.left_out:
        show.say(t("example.left_out", workers=show.safe(", ".join(found.left_out))))
    for path, why in found.skipped.items():
        show.say(t("example.skipped", path=show.safe(path), why=show.safe(why)))


def _scheduler() -> str:
    return f"tcp://127.0.0.1:{place.settings().effective_ports.scheduler}"
