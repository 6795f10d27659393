"""``cluster-ai model search|fit``: what there is, and where it would run."""

from typing import TYPE_CHECKING, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t
from cluster_ai.client import catalog_calls
from cluster_ai.core.i18n import pick

if TYPE_CHECKING:
    from cluster_ai.catalog.fit import FitView
    from cluster_ai.catalog.search import EntryView, TagView

SEARCH: Final = ("model", "parameters", "size", "memory", "context", "capabilities", "fits", "nodes")
FIT: Final = ("node", "verdict", "memory", "gpu_layers", "longest", "longest_gpu")
SORTS: Final = ("best", "name", "size", "context")
CAPABILITIES: Final = ("chat", "tools", "vision", "thinking", "embedding", "code")
_CONTEXT: Final = click.IntRange(256, 1_048_576)
LOOK: Final = show.fit_of(SEARCH, whole=["model"], spare=("nodes", "context", "parameters", "capabilities"))


@click.command("search", cls=Verb, help=t("model.search"))
@click.argument("words", nargs=-1, metavar=t("meta.words"))
@click.option("--category", default="", help=t("model.category"))
@click.option("--can", "capability", type=click.Choice(CAPABILITIES), default=None, help=t("model.can"))
@click.option("--speaks", "language", default="", help=t("model.speaks"))
@click.option("--fits", is_flag=True, help=t("model.fits_here"))
@click.option("--context", type=_CONTEXT, default=8192, show_default=True, help=t("model.context"))
@click.option("--sort", type=click.Choice(SORTS), default="best", help=t("model.sort"))
@as_json
def search(
    *, words: tuple[str, ...], capability: str | None, fits: bool, as_json: bool, context: int, **texts: str
) -> None:
    filters = {**texts, "words": " ".join(words), "capability": capability or "", "context": str(context)}
    filters |= {"fits": "true" if fits else "false", "lang": pick()}
    with place.client() as client:
        found = client.send(catalog_calls.search(filters))
    for problem in found.problems:
        show.say(f"{problem.file}:{problem.line}: {show.safe(problem.reason)}")
    if as_json:
        show.out_json(found.model_dump(mode="json"))
        return
    rows = [_row(entry, tag) for entry in found.items for tag in entry.tags]
    show.table([t(f"column.{name}") for name in SEARCH], rows, fit=LOOK)


@click.command("fit", cls=Verb, help=t("model.fit"))
@click.argument("name", metavar=t("meta.model"))
@click.option("--context", type=_CONTEXT, default=8192, show_default=True, help=t("model.context"))
@as_json
def fit(*, name: str, context: int, as_json: bool) -> None:
    with place.client() as client:
        found = client.send(catalog_calls.fit(name, context=context))
    if as_json:
        show.out_json(found.model_dump(mode="json"))
        return
    rows = [_verdict(node, view) for node, view in sorted(found.items.items())]
    show.table([t(f"column.{head}") for head in FIT], rows)
    for node, view in sorted(found.items.items()):
        for reason in view.reasons:
            show.say(f"{show.safe(node)}: {show.safe(reason)}")


def _row(entry: "EntryView", tag: "TagView") -> tuple[object, ...]:
    return (
        tag.name,
        tag.parameters,
        show.size(tag.size),
        show.size(tag.memory),
        tag.context,
        ", ".join(entry.capabilities),
        ", ".join(tag.fits),
        ", ".join(tag.nodes),
    )


def _verdict(node: str, view: "FitView") -> tuple[object, ...]:
    layers = f"{view.gpu_blocks}/{view.blocks}" if view.gpu_blocks else ""
    verdict = t(f"fit.{view.verdict}")
    return (node, verdict, show.size(view.total), layers, view.largest_context or "", view.largest_gpu_context or "")
