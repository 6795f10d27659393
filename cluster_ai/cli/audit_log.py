"""``cluster-ai audit``: who did what."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cluster_ai.cli import moments, place, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput

if TYPE_CHECKING:
    from cluster_ai.client.audit_calls import AuditEntry

COLUMNS: Final = ("number", "at", "actor", "action", "subject", "outcome", "address")
FIT: Final = show.fit_of(COLUMNS, whole=["number", "actor", "action"], spare=("address", "outcome", "at", "subject"))


@click.group("audit", cls=Noun, help=t("audit.help"))
def audit() -> None:
    pass


@audit.command("ls", help=t("audit.list"))
@click.option("--actor", metavar=t("meta.user"), help=t("audit.actor"))
@click.option("--action", metavar=t("meta.name"), help=t("audit.action"))
@click.option("--subject", metavar=t("meta.text"), help=t("audit.subject"))
@click.option("--since", metavar=t("meta.time"), help=t("audit.since"))
@click.option("--until", metavar=t("meta.time"), help=t("audit.until"))
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help=t("audit.limit"))
@as_json
def listing(*, limit: int, as_json: bool, **wanted: str | None) -> None:
    from cluster_ai.client import audit_calls

    said = {name: value for name, value in wanted.items() if value}
    asked = {name: str(moments.moment(value)) if name in {"since", "until"} else value for name, value in said.items()}
    with place.client() as client:
        page = client.send(audit_calls.entries(asked, limit=limit))
    if as_json:
        show.out_json(page.model_dump(mode="json"))
    else:
        show.table([t(f"column.{name}") for name in COLUMNS], map(_row, page.items), fit=FIT)
    if page.broken:
        show.say(show.safe(page.broken))
        leave(Exit.ERROR)


@audit.command("verify", help=t("audit.verify"))
@click.argument("file", type=click.Path(path_type=Path), metavar=t("meta.file"), required=False)
@as_json
def verify(*, file: Path | None, as_json: bool) -> None:
    # The sums are done here and not by the cluster: whoever could change its rows could change its answer.
    from cluster_ai.accounts.audit import check_export
    from cluster_ai.client import audit_calls

    if file is None:
        with place.client() as client, client.lines(audit_calls.export()) as lines:
            number, last = check_export(lines)
    else:
        number, last = check_export(_lines(file))
    if as_json:
        show.out_json({"entries": number, "last_hash": last})
    else:
        show.say(t("audit.holds", count=number, hash=last))


@audit.command("export", help=t("audit.export"))
@click.option("--output", "file", type=click.Path(path_type=Path), metavar=t("meta.file"), help=t("audit.output"))
def export(*, file: Path | None) -> None:
    from cluster_ai.client import audit_calls

    with place.client() as client, client.lines(audit_calls.export()) as lines:
        if file is None:
            for line in lines:
                show.out(_text(line))
            return
        _write(file, lines)
    show.say(t("audit.exported", file=file))


def _write(file: Path, lines: Iterator[Mapping[str, Any]]) -> None:
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.writelines(f"{_text(line)}\n" for line in lines)
    except OSError as exc:
        raise InvalidInput(t("audit.unwritable", file=file), path="output") from exc


def _text(line: Mapping[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def _lines(file: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with file.open(encoding="utf-8") as stream:
            for text in stream:
                line = json.loads(text)
                if not isinstance(line, dict):
                    raise InvalidInput(t("audit.unreadable", file=file), path="file")
                yield line
    except (OSError, ValueError) as exc:
        raise InvalidInput(t("audit.unreadable", file=file), path="file") from exc


def _row(row: "AuditEntry") -> tuple[object, ...]:
    return row.number, show.at(row.at), row.actor, row.action, row.subject, row.outcome, row.address
