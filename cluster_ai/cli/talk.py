"""``cluster-ai run``, ``chat`` and ``embed``: the models of the cluster from this terminal."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import ClusterError, InvalidInput

if TYPE_CHECKING:
    from cluster_ai.cli.gateway import Answer, Gateway

Message = dict[str, str]
LEAVE = frozenset({"/bye", "/exit", "/quit"})

with_system = click.option("--system", metavar=t("meta.text"), help=t("talk.system"))


def pairs_of(_ctx: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """``name=value`` pairs; values are JSON where they can be (numbers, true), else text."""
    found: dict[str, Any] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name:
            raise click.BadParameter(t("talk.not_a_pair", value=value))
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


with_options = click.option(
    "-o", "--option", "options", multiple=True, metavar=t("meta.pair"), help=t("talk.option"), callback=pairs_of
)


@click.command("run", cls=Verb, help=t("run.help"))
@click.argument("model", metavar=t("meta.model"))
@click.argument("prompt", nargs=-1, metavar=t("meta.prompt"))
@with_system
@with_options
@as_json
def run(*, model: str, prompt: tuple[str, ...], system: str | None, options: dict[str, Any], as_json: bool) -> None:
    text = " ".join(prompt) or sys.stdin.read()
    if not text.strip():
        raise InvalidInput(t("run.no_prompt"), path="prompt")
    messages = [*_system(system), {"role": "user", "content": text}]
    with _gateway() as gateway, gateway.stream("/api/chat", _body(model, messages, options)) as answer:
        said, last = _read(answer, aloud=not as_json)
        if as_json:
            numbers = {key: value for key, value in last.items() if key.endswith(("_count", "_duration"))}
            show.out_json({"model": model, "answer": said, **answer.served_by.model_dump(), **numbers})
        elif show.is_terminal(err=True):
            show.say(click.style(_origin(answer, last), dim=True))


@click.command("chat", cls=Verb, help=t("chat.help"))
@click.argument("model", required=False, metavar=t("meta.model_optional"))
@with_system
@with_options
def chat(*, model: str | None, system: str | None, options: dict[str, Any]) -> None:
    with _gateway() as gateway:
        model = model or gateway.chat_model()
        messages = _system(system)
        if sys.stdin.isatty():
            show.say(t("chat.hello", model=model))
        for question in _questions():
            asked = [*messages, {"role": "user", "content": question}]
            if said := _turn(gateway, _body(model, asked, options)):
                messages = [*asked, {"role": "assistant", "content": said}]


def _turn(gateway: "Gateway", body: Mapping[str, Any]) -> str:
    """One answer, read aloud; Ctrl-C ends it and keeps the conversation, and so does an error for a person."""
    spoken: list[str] = []
    try:
        with gateway.stream("/api/chat", body) as answer:
            _, last = _read(answer, aloud=True, spoken=spoken)
            if show.is_terminal(err=True):
                show.say(click.style(_origin(answer, last), dim=True))
    except KeyboardInterrupt:
        show.say(f"\n{t('chat.interrupted')}")
    except ClusterError as exc:
        if not sys.stdin.isatty():
            raise
        show.error(exc)
    return "".join(spoken)


def _questions() -> Iterator[str]:
    """What the person types, or the lines of a pipe, up to its end or a word of goodbye."""
    asks = sys.stdin.isatty()
    if asks:
        # Editing and history for input() below.
        import readline  # noqa: F401
    while True:
        try:
            line = input("> " if asks and show.is_terminal() else "")
        except EOFError:
            if asks:
                show.say()
            return
        if line.strip() in LEAVE:
            return
        if line.strip():
            yield line


@click.command("embed", cls=Verb, help=t("embed.help"))
@click.argument("model", metavar=t("meta.model"))
@click.argument("texts", nargs=-1, metavar=t("meta.texts"))
@as_json
def embed(*, model: str, texts: tuple[str, ...], as_json: bool) -> None:
    lines = list(texts) or [line for line in sys.stdin.read().splitlines() if line.strip()]
    if not lines:
        raise InvalidInput(t("embed.no_text"), path="texts")
    with _gateway() as gateway:
        vectors = gateway.ask("/api/embed", {"model": model, "input": lines}).get("embeddings") or []
    if as_json:
        items = [{"text": text, "embedding": vector} for text, vector in zip(lines, vectors, strict=True)]
        show.out_json({"model": model, "items": items}, compact=True)
    else:
        for vector in vectors:
            show.out(json.dumps(vector))


def _gateway() -> "Gateway":
    from cluster_ai.cli.gateway import Gateway

    return Gateway(place.settings())


def _system(text: str | None) -> list[Message]:
    return [{"role": "system", "content": text}] if text else []


def _body(model: str, messages: list[Message], options: Mapping[str, Any]) -> dict[str, Any]:
    return {"model": model, "messages": messages, "stream": True} | ({"options": dict(options)} if options else {})


def _read(answer: "Answer", *, aloud: bool, spoken: list[str] | None = None) -> tuple[str, Mapping[str, Any]]:
    """The whole answer, written to stdout as it comes, and its last line. ``spoken`` has it even if it breaks off."""
    spoken = [] if spoken is None else spoken
    last: Mapping[str, Any] = {}
    for last in answer.lines:
        text = str((last.get("message") or {}).get("content") or "")
        spoken.append(text)
        if aloud:
            show.out(show.safe(text, keep="\n\t"), newline=False)
    if aloud:
        show.out()
    return "".join(spoken), last


def _origin(answer: "Answer", last: Mapping[str, Any]) -> str:
    count, nanoseconds = last.get("eval_count"), last.get("eval_duration")
    speed = f"{count / nanoseconds * 1e9:.1f} tok/s" if count and nanoseconds else ""
    by = answer.served_by
    return " · ".join(show.safe(part) for part in (by.node, speed, by.why) if part)
