"""Makes ``recorded/*.json`` anew: what the real Open WebUI asks of an Ollama server, as its own browser page makes it ask.

    .venv/bin/python -m tests.open_webui.record

Needs ``scripts/setup/open_webui.sh`` to have run, Chromium, and the dashboard's packages. People, ids and secrets are
replaced; so is prose (tool descriptions, prompts beyond their first line), by filler of the same length: what matters
is how the requests are built and how large they are, and the texts are not ours.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from tests.fakes.fleet import Fleet
from tests.gateway.conftest import serving
from tests.open_webui.program import OpenWebUI, open_webui
from tests.open_webui.watched import Recorder, browse

RECORDED = Path(__file__).parent / "recorded"
PERSON = {
    "X-OpenWebUI-User-Id": "00000000-0000-4000-8000-000000000001",
    "X-OpenWebUI-Chat-Id": "00000000-0000-4000-8000-000000000002",
}
KEPT_WORDS = 100
"""Texts up to this length stay as they are: questions typed here, names, keywords."""
MODEL = "smollm2:135m"


def filler(length: int) -> str:
    return "".join(islice(cycle("one two three four five six seven eight nine ten "), length))


def cleaned(value: Any, key: str = "") -> Any:
    """``value`` without what is a person's or a text of others."""
    match value:
        case dict():
            return {name: cleaned(inner, name) for name, inner in value.items()}
        case list():
            return [cleaned(inner, key) for inner in value]
        case str() if key == "description":
            return filler(len(value))
        case str() if len(value) > KEPT_WORDS:
            kept = "\n".join(value.split("\n")[:2])[:KEPT_WORDS]
            return kept + "\n" + filler(len(value) - len(kept) - 1)
        case _:
            return value


def write(name: str, row: dict[str, Any]) -> None:
    headers = row["headers"] | {key: value for key, value in PERSON.items() if key in row["headers"]}
    shown = {"method": row["method"], "path": row["path"], "headers": headers, "body": cleaned(row["body"])}
    (RECORDED / f"{name}.json").write_text(json.dumps(shown, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def named(row: dict[str, Any]) -> str:
    """What a request is for."""
    task = row["headers"].get("X-Cluster-Task", "").replace("_generation", "_task")
    if row["path"] == "/api/chat":
        return task or ("chat" if "tools" in row["body"] else "chat_by_api")
    return row["path"].removeprefix("/api/")


@contextmanager
def program(folder: Path) -> Iterator[tuple[OpenWebUI, Recorder]]:
    (folder / "gateway").mkdir()
    with (
        Fleet(1) as fleet,
        serving(folder / "gateway", fleet) as gateway,
        Recorder.started(gateway.url, folder) as recorder,
        open_webui(folder, recorder.url) as ui,
    ):
        yield ui, recorder


def ask_everything(ui: OpenWebUI, url: str) -> None:
    ui.models()
    browse(ui, MODEL, "What is the capital of France?", linger=6.0)
    ui.json("POST", "/ollama/verify", {"url": url, "key": "sk-of-these-tests"})
    ui.json("POST", "/ollama/api/show", {"model": MODEL})
    ui.json("POST", "/ollama/api/embed", {"model": "all-minilm:latest", "input": ["one text", "another"]})
    ui.json("POST", "/ollama/api/unload", {"model": MODEL})
    hello = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], "stream": True}
    ui.request("POST", "/api/chat/completions", hello)


def main() -> None:
    RECORDED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, program(Path(folder)) as (ui, recorder):
        ask_everything(ui, recorder.url)
        # The first of each is kept.
        for row in reversed(recorder.rows()):
            write(named(row), row)
    sys.stdout.write(f"{len(list(RECORDED.glob('*.json')))} requests in {RECORDED}\n")


if __name__ == "__main__":
    main()
