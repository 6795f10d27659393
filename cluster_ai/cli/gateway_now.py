"""``cluster-ai gateway status`` and ``snippet``: how it serves now, and how a program is pointed at it."""

import json
from typing import TYPE_CHECKING, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.again import repeated
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from cluster_ai.views import NodeView, OverviewView

COLUMNS: Final = ("node", "state", "breaker", "inflight", "served", "failed", "ttft", "models")
FIT: Final = show.fit_of(COLUMNS, whole=["node", "state"], spare=("failed", "served", "ttft", "models", "breaker"))
KEY: Final = "cai_..."
"""Stands where a key of one's own goes."""


@click.command("status", cls=Verb, help=t("gateway.status"))
@click.option("--watch", is_flag=True, help=t("option.watch"))
@as_json
def status(*, watch: bool, as_json: bool) -> None:
    with place.client() as client:

        def look() -> None:
            seen = client.overview()
            if as_json:
                _tell_json(seen, compact=watch)
                return
            rates = seen.rates
            show.pairs(
                [
                    (t("column.address"), seen.system.endpoints.gateway),
                    (t("column.state"), t("gateway.answers") if seen.gateway_reachable else t("gateway.away")),
                    (t("column.inflight"), rates.inflight),
                    (t("column.requests"), f"{rates.requests_total} ({rates.requests_per_second:.1f}/s)"),
                    (t("column.errors"), f"{rates.errors_total} ({rates.errors_per_second:.1f}/s)"),
                    (t("column.speed"), f"{rates.tokens_per_second:.1f}"),
                ]
            )
            show.out()
            show.table([t(f"column.{name}") for name in COLUMNS], map(_row, seen.nodes), fit=FIT)

        repeated(look, watch=watch, clear=not as_json)
        if not client.overview().gateway_reachable:
            leave(Exit.DEGRADED)


def _tell_json(seen: "OverviewView", *, compact: bool) -> None:
    told = {
        "address": seen.system.endpoints.gateway,
        "reachable": seen.gateway_reachable,
        "rates": seen.rates.model_dump(mode="json"),
        "nodes": [one.model_dump(mode="json") for one in seen.nodes],
    }
    show.out_json(told, compact=compact)


def _row(one: "NodeView") -> tuple[object, ...]:
    ttft = "" if one.ttft_seconds is None else f"{one.ttft_seconds:.2f} s"
    models = len(one.models)
    return (
        one.name,
        show.state(one.shown_state),
        show.state(one.breaker),
        one.inflight,
        one.served,
        one.failed,
        ttft,
        models,
    )


def curl(gateway: str, model: str) -> tuple[str, ...]:
    asked = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello"}]})
    return (
        f"curl {gateway}/v1/chat/completions \\",
        f'  -H "Authorization: Bearer {KEY}" \\',
        '  -H "Content-Type: application/json" \\',
        f"  -d '{asked}'",
    )


def ollama(gateway: str, model: str) -> tuple[str, ...]:
    return (f"export OLLAMA_HOST={gateway}", f"export OLLAMA_API_KEY={KEY}", f"ollama run {model}")


def openai(gateway: str, model: str) -> tuple[str, ...]:
    return (
        "from openai import OpenAI",
        "",
        f'client = OpenAI(base_url="{gateway}/v1", api_key="{KEY}")',
        "answer = client.chat.completions.create(",
        f'    model="{model}",',
        '    messages=[{"role": "user", "content": "Hello"}],',
        ")",
        "print(answer.choices[0].message.content)",
    )


def anthropic(gateway: str, model: str) -> tuple[str, ...]:
    return (
        f"export ANTHROPIC_BASE_URL={gateway}",
        f"export ANTHROPIC_AUTH_TOKEN={KEY}",
        f"export ANTHROPIC_MODEL={model}",
    )


def webui(gateway: str, _model: str) -> tuple[str, ...]:
    config = json.dumps({"0": {"key": KEY, "headers": {"X-Cluster-Task": "{{TASK}}"}}})
    return (
        f"OLLAMA_BASE_URLS={gateway}",
        f"OLLAMA_API_CONFIGS={config}",
        "ENABLE_FORWARD_USER_INFO_HEADERS=true",
        "ENABLE_PERSISTENT_CONFIG=false",
    )


CLIENTS: Final = {"curl": curl, "ollama": ollama, "openai": openai, "anthropic": anthropic, "webui": webui}


@click.command("snippet", cls=Verb, help=t("gateway.snippet"))
@click.argument("program", type=click.Choice(list(CLIENTS)), metavar=t("meta.program"))
@click.option("--model", metavar=t("meta.model"), help=t("gateway.snippet_model"))
def snippet(*, program: str, model: str | None) -> None:
    from cluster_ai.cli.gateway import Gateway

    settings = place.settings()
    if model is None:
        with Gateway(settings) as gateway:
            model = gateway.chat_model()
    for line in CLIENTS[program](settings.gateway_url, model):
        show.out(show.safe(line))
    show.say(t("gateway.snippet_key", command="cluster-ai key create NAME"))


VERBS: Final = (status, snippet)
