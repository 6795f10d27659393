"""``cluster-ai ticket create``: one piece of work, without a plan written around it."""

from typing import Any, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli import plan as plans
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.talk import pairs_of
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput

PRIORITIES: Final = ("LOW", "NORMAL", "HIGH", "CRITICAL")
BANDS: Final = ("low", "medium", "high", "critical")
COMMANDS: Final = ("EXECUTE", "BUILD")
"""Kinds of which a command line can be the whole of what is asked."""
NEEDS_A_YES: Final = {"approval": "required"}


@click.command("create", cls=Verb, help=t("ticket.create"))
@click.argument("name", metavar=t("meta.name"))
@click.argument("command", nargs=-1, metavar=t("meta.words"))
@click.option("--type", "kind", metavar=t("meta.kind"), help=t("ticket.new_type"))
@click.option(
    "-p", "--parameter", "parameters", multiple=True, metavar=t("meta.pair"), help=t("ticket.new_parameter"),
    callback=pairs_of,
)  # fmt: skip
@click.option("--from", "file", metavar=t("meta.file"), help=t("ticket.new_from"))
@click.option("--description", metavar=t("meta.text"), help=t("ticket.new_description"))
@click.option("--priority", type=click.Choice(PRIORITIES, case_sensitive=False), help=t("ticket.new_priority"))
@click.option("--risk", type=click.Choice(BANDS, case_sensitive=False), help=t("ticket.new_risk"))
@click.option("--retries", type=click.IntRange(0, 100), metavar="N", help=t("ticket.new_retries"))
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), metavar=t("meta.seconds"), help=t("ticket.new_timeout")
)
@click.option("--approval", is_flag=True, help=t("ticket.new_approval"))
@click.option("--key", metavar=t("meta.text"), help=t("plan.key"))
@click.option("--wait", is_flag=True, help=t("ticket.new_wait"))
@as_json
def create(*, name: str, key: str | None, wait: bool, as_json: bool, **said: Any) -> None:
    from cluster_ai.client import plan_calls

    body = _asked(name, said)
    with place.client() as client:
        accepted = client.send(plan_calls.create_ticket(body, key=key))
        if not as_json:
            show.say(t("ticket.created") if accepted.is_first else t("ticket.known"))
            show.out(accepted.ticket_ids[name])
        elif not wait:
            show.out_json(accepted.model_dump(mode="json"))
    if wait:
        plans.wait_for(accepted.plan.plan_id, as_json=as_json)


def _asked(name: str, said: dict[str, Any]) -> dict[str, Any]:
    """The ticket as the API takes it: what the file has, and over it what the options say."""
    asked = plans.read(said["file"]) if said["file"] else {}
    parameters, metadata = _table(asked, "parameters"), _table(asked, "metadata")
    parameters |= said["parameters"]
    fields = {
        "id": name,
        "type": said["kind"] and said["kind"].upper(),
        "description": said["description"],
        "priority": said["priority"],
        "risk_band": said["risk"],
    }
    asked |= {field: value for field, value in fields.items() if value is not None}
    if "type" not in asked and said["command"]:
        asked["type"] = COMMANDS[0]
    if "type" not in asked:
        raise InvalidInput(t("ticket.no_type"), path="type", hint="cluster-ai ticket create --help")
    if said["command"]:
        if asked["type"] not in COMMANDS:
            raise InvalidInput(t("ticket.no_command", kind=asked["type"]), path="command")
        parameters["argv"] = list(said["command"])
    sla = _table(asked, "sla") | _terms(said["retries"], said["timeout"])
    metadata |= NEEDS_A_YES if said["approval"] else {}
    wanted = {"parameters": parameters, "metadata": metadata, "sla": sla}
    return asked | {field: values for field, values in wanted.items() if values}


def _terms(retries: int | None, timeout: float | None) -> dict[str, int]:
    terms = {} if retries is None else {"max_retries": retries}
    return terms if timeout is None else terms | {"timeout_ms": max(1, round(timeout * 1000))}


def _table(asked: dict[str, Any], field: str) -> dict[str, Any]:
    found = asked.get(field, {})
    if not isinstance(found, dict):
        raise InvalidInput(t("ticket.no_table", field=field), path=field)
    return dict(found)
