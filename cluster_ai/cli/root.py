"""The table of verbs, each imported when it is called, and the one place where errors become exit codes."""

import os
import sys
from importlib import import_module
from typing import Any, Final

import click

from cluster_ai import __version__
from cluster_ai.cli.exits import Exit, Leave, code_of
from cluster_ai.cli.noun import HELP_LOOK, Noun
from cluster_ai.cli.show import error, out, say
from cluster_ai.cli.usage import sentence
from cluster_ai.cli.words import t
from cluster_ai.core.errors import ClusterError

NAME: Final = "cluster-ai"
COMPLETE: Final = "_CLUSTER_AI_COMPLETE"

VERBS: Final = {
    "init": "first_setup:init",
    "up": "start:up",
    "down": "stop:down",
    "restart": "stop:restart",
    "reload": "reloading:reload",
    "status": "status:status",
    "ps": "status:ps",
    "logs": "logs:logs",
    "doctor": "diag:doctor",
    "diag": "diag:diag",
    "open": "doors:open_dashboard",
    "tui": "doors:tui",
    "run": "talk:run",
    "chat": "talk:chat",
    "embed": "talk:embed",
    "map": "jobs:map_lines",
    "run-example": "jobs:run_example",
    "node": "node:node",
    "agent": "agent:agent",
    "model": "model:model",
    "gateway": "traffic:gateway",
    "key": "key:key",
    "usage": "used:usage",
    "plan": "plan:plan",
    "ticket": "ticket:ticket",
    "compute": "compute:compute",
    "svc": "svc:svc",
    "slo": "slo:slo",
    "freeze": "freeze:freeze",
    "webhook": "webhook:webhook",
    "alerts": "alerts:alerts",
    "events": "events:events",
    "metrics": "metrics:metrics",
    "ha": "heads:ha",
    "power": "power:power",
    "auth": "auth:auth",
    "audit": "audit_log:audit",
    "tls": "tls:tls",
    "firewall": "firewall:firewall",
    "backup": "backup:backup",
    "database": "database:database",
    "update": "update:update",
    "service": "service:service",
    "config": "configuration:config",
    "serve": "doors:serve",
    "completion": "about:completion",
    "version": "about:version",
}
ALSO: Final = {"notify": "webhook"}
"""Other words for a verb."""
GROUPS: Final = (
    (
        "daily",
        (
            *("init", "up", "down", "restart", "reload", "status", "ps", "logs", "doctor", "open", "tui"),
            *("backup", "update"),
        ),
    ),
    ("models", ("run", "chat", "embed", "node", "agent", "model", "gateway", "key", "usage")),
    ("work", ("plan", "ticket", "map", "run-example", "compute", "svc", "slo", "freeze", "webhook")),
    (
        "more",
        (
            *("alerts", "events", "metrics", "power", "auth", "audit", "tls", "firewall"),
            *("database", "ha", "service", "config", "serve", "diag", "completion", "version"),
        ),
    ),
)


class Root(Noun):
    """Lazy: a verb's module is imported when that verb, or the help of all, is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the library's signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        name = ALSO.get(cmd_name, cmd_name)
        if name not in VERBS:
            return None
        module, _, attribute = VERBS[name].partition(":")
        found: click.Command = getattr(import_module(f"cluster_ai.cli.{module}"), attribute)
        return found


def _show_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - the library's
    if wanted:
        out(f"{NAME} {__version__}")
        ctx.exit()


def make_root() -> Root:
    """All of the command line."""
    panels = {NAME: [{"name": t(f"help.group.{group}"), "commands": list(names)} for group, names in GROUPS]}
    options: list[click.Parameter] = [
        click.Option(
            ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
            help=t("help.version"),
        ),
        # Taken out before anything is parsed; named here for the help.
        click.Option(["--lang"], metavar="en|pt-BR", expose_value=False, help=t("help.lang")),
    ]  # fmt: skip
    look = {**HELP_LOOK, "command_groups": panels}
    return Root(
        NAME,
        params=options,
        help=t("help.root"),
        epilog=t("help.epilog"),
        context_settings={"rich_help_config": look},
        subcommand_metavar=t("help.verb"),
    )


def run(words: list[str]) -> int:
    """Carries out one command line; answers the exit code."""
    try:
        _carry_out(words)
    except (Leave, click.exceptions.Exit) as exc:
        return exc.code if isinstance(exc, Leave) else exc.exit_code
    except ClusterError as exc:
        error(exc)
        return code_of(exc)
    except click.ClickException as exc:
        is_help = isinstance(exc, click.exceptions.NoArgsIsHelpError)
        say(exc.message.rstrip() if is_help else sentence(exc))
        return exc.exit_code
    except (KeyboardInterrupt, click.Abort):
        say()
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _drop_output()
    except OSError as exc:
        _drop_output()
        error(ClusterError(": ".join(str(part) for part in (exc.filename, exc.strerror or exc) if part)))
        return Exit.ERROR
    return Exit.OK


def _drop_output() -> None:
    """Nobody reads stdout any more, or its disk is full: the interpreter must not stumble over it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _carry_out(words: list[str]) -> None:
    root = make_root()
    more: dict[str, Any] = {"color": False} if os.environ.get("NO_COLOR") else {}
    if COMPLETE in os.environ:
        root.main(words, prog_name=NAME, complete_var=COMPLETE)
    with root.make_context(NAME, words, **more) as context:
        root.invoke(context)
    sys.stdout.flush()
