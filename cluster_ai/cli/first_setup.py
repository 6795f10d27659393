"""``cluster-ai init``: the data directory and its settings, looked at before anything is started."""

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from cluster_ai.cli import may_start, place, show
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from cluster_ai.settings import Settings

LANGUAGES: Final = ("en", "pt-BR")
NAMES: Final = {
    "name": "name", "language": "lang", "port_base": "port_base", "bind": "bind", "node": "node.enabled",
    "workers": "compute.workers",
}  # fmt: skip
"""Setting by option."""


@click.command("init", cls=Verb, help=t("init.help"))
@click.option("--name", metavar=t("meta.name"), help=t("init.name"))
@click.option("--language", type=click.Choice(LANGUAGES), help=t("init.language"))
@click.option("--port-base", type=click.IntRange(1024, 65_000), metavar="N", help=t("up.port_base"))
@click.option("--bind", metavar=t("meta.address"), help=t("init.bind"))
@click.option("--node/--no-node", default=None, help=t("init.node"))
@click.option("--workers", type=click.IntRange(0, 16), metavar="N", help=t("init.workers"))
@click.option("--yes", is_flag=True, help=t("option.yes"))
@as_json
def init(*, yes: bool, as_json: bool, **said: Any) -> None:
    from cluster_ai.cli.watching import look_if_any
    from cluster_ai.settings import load
    from cluster_ai.settings_file import SettingsFile
    from cluster_ai.supervisor.preflight import refuse_home

    home = place.home()
    refuse_home(home)
    changes = {NAMES[option]: value for option, value in said.items() if value is not None}
    if not changes and not (yes or as_json) and sys.stdin.isatty():
        changes = _asked(load())
    may_start.refuse_open(load(), said["bind"])
    file = SettingsFile(home)
    before = file.revision()
    settings = file.change(changes)
    changed, runs = file.revision() != before, look_if_any(home) is not None
    if not as_json:
        _tell(settings, changed=changed)
    if not runs:
        may_start.refuse_start(settings)
    if as_json:
        ports = settings.effective_ports.model_dump(mode="json")
        show.out_json(
            {"home": str(home.root), "config": str(home.config), "changed": changed, "runs": runs, "ports": ports}
        )
    else:
        show.say(t("init.next", command="cluster-ai restart" if runs and changed else "cluster-ai up"))


def _asked(now: "Settings") -> dict[str, Any]:
    """What a person answers; what stays as it is is not written."""
    name = click.prompt(t("init.ask_name"), default=now.name, err=True)
    lang = click.prompt(
        t("init.ask_language"), default=now.lang or LANGUAGES[0], type=click.Choice(LANGUAGES), err=True
    )
    answers = {"name": (name, now.name), "lang": (lang, now.lang or LANGUAGES[0])}
    return {setting: new for setting, (new, old) in answers.items() if new != old}


def _tell(settings: "Settings", *, changed: bool) -> None:
    ports, home = settings.effective_ports, settings.paths
    show.pairs(
        [
            (t("init.cluster"), settings.name),
            (t("init.data"), home.root),
            (t("init.settings"), home.config if home.config.exists() else t("init.defaults")),
            (t("welcome.backend"), settings.shown_at(ports.backend)),
            (t("welcome.gateway"), settings.shown_at(ports.gateway)),
        ]
    )
    show.say(t("init.written") if changed else t("init.same"))
