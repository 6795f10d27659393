"""Makes the manual page `scripts/install/cluster-ai.1`: ``CLUSTER_AI_LANG=en python -m cluster_ai.cli.manual``.

In roff's ``man`` macros (man(7)), which every Unix reads.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from cluster_ai.cli.exits import Exit
from cluster_ai.cli.root import GROUPS, NAME, make_root
from cluster_ai.cli.words import t

TARGET: Final = Path(__file__).resolve().parents[2] / "scripts/install/cluster-ai.1"


def render() -> str:
    """The page."""
    root = make_root()
    with root.make_context(NAME, [], resilient_parsing=True) as context:
        return "\n".join([*_head(root), *_verbs(root, context), *_foot()]) + "\n"


def _head(root: click.Group) -> Iterator[str]:
    yield '.\\" Made by python -m cluster_ai.cli.manual; do not edit by hand.'
    yield f'.TH CLUSTER\\-AI 1 "" "Cluster AI" "{t("manual.section")}"'
    yield from (".SH " + t("manual.name"), f"cluster\\-ai \\- {_plain(t('manual.about'))}")
    yield from (".SH " + t("manual.synopsis"), ".B cluster\\-ai", ".RI [ OPTIONS ]", ".I VERB", ".RI [ ARGUMENTS ]")
    yield from (".SH " + t("manual.description"), _plain(root.help or ""))


def _verbs(root: click.Group, context: click.Context) -> Iterator[str]:
    for group, names in GROUPS:
        yield f'.SH "{_plain(t(f"help.group.{group}")).upper()}"'
        for name in names:
            command = root.get_command(context, name)
            if command is not None:
                yield from _verb(command, context, name)


def _verb(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent)
    if isinstance(command, click.Group):
        for verb, found in command.commands.items():
            yield from _verb(found, context, verb)
        return
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield from (".TP", f".B {_plain(usage)}", _plain(command.help or ""))
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    if not options:
        return
    yield ".RS"
    for option in options:
        record = option.get_help_record(context)
        yield from (".TP", f".B {_plain(record[0] if record else option.opts[0])}", _plain(option.help or ""))
    yield ".RE"


def _foot() -> Iterator[str]:
    yield ".SH " + t("manual.exit")
    yield _plain(t("manual.exit_codes", codes=", ".join(f"{int(code)} {code.name.lower()}" for code in Exit)))
    yield ".SH " + t("manual.environment")
    for name in ("CLUSTER_AI_HOME", "CLUSTER_AI_LANG", "CLUSTER_AI_PORT_BASE", "NO_COLOR"):
        yield from (".TP", f".B {name}", _plain(t(f"manual.variable.{name.lower()}")))


def _plain(text: str) -> str:
    """Text as roff shows it: nothing in it is a macro or an escape."""
    lines = (line.strip() for line in text.replace("\\", "\\e").replace("-", "\\-").splitlines())
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in lines if line)


def write() -> None:
    TARGET.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    write()
