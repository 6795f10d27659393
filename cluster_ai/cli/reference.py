"""Makes ``docs/reference/cli.md`` from the commands: ``CLUSTER_AI_LANG=en python -m cluster_ai.cli.reference``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from cluster_ai.cli.root import GROUPS, NAME, make_root
from cluster_ai.cli.words import t

TARGET: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"
HEAD: Final = """# cluster-ai
Made by `python -m cluster_ai.cli.reference`; do not edit by hand.

`./manager.sh VERB ...` passes every verb through; `.venv/bin/cluster-ai` is the same. Data goes to stdout, talk to
stderr. With `--json` a verb prints one object with `schema_version` (now 1): keys may be added to it, none is renamed
or removed without a new number. With `--watch` the look is repeated every second, as NDJSON with `--json`.

`--lang en|pt-BR` may stand anywhere; without it `CLUSTER_AI_LANG` decides, then `lang` in `config.toml`, then the
locale. `NO_COLOR` switches colours off; without a terminal there are none. What comes from elsewhere (names, answers
of models, logs) is shown without escape sequences.

`CLUSTER_AI_HOME` names the data directory and with it the cluster: a cluster started with `--port-base` is found by
its directory alone. How a verb ends: [exit codes](exit-codes.md).
"""


def render() -> str:
    """The page."""
    root = make_root()
    with root.make_context(NAME, [], resilient_parsing=True) as context:
        return HEAD + "\n".join(_sections(root, context)) + "\n"


def _sections(root: click.Group, context: click.Context) -> Iterator[str]:
    for group, names in GROUPS:
        yield f"\n## {t(f'help.group.{group}')}"
        for name in names:
            command = root.get_command(context, name)
            if command is not None:
                yield from _section(command, context, name)


def _section(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"\n### `{context.command_path}`"
    yield f"{command.help}\n"
    if isinstance(command, click.Group):
        for verb, found in command.commands.items():
            yield from _section(found, context, verb)
        return
    yield f"```\n{usage}\n```"
    rows = list(_rows(command, context))
    if rows:
        yield "\n| option | meaning |\n| --- | --- |"
        yield from rows


def _rows(command: click.Command, context: click.Context) -> Iterator[str]:
    for option in command.params:
        if not isinstance(option, click.Option) or option.hidden:
            continue
        record = option.get_help_record(context)
        names = record[0] if record else ", ".join(option.opts)
        yield f"| `{names.replace('|', chr(92) + '|')}` | {option.help}{_default(option)} |"


def _default(option: click.Option) -> str:
    """What holds when it is not said, where that is worth saying."""
    shown = isinstance(option.default, int | float | str | Path) and not option.is_flag and option.default != ""
    return f" Default: `{option.default}`." if shown else ""


def write() -> None:
    TARGET.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    write()
