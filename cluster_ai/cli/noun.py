"""How our commands and groups look: rich help in the language of this process."""

from typing import Any, Final

import click
from rich_click import RichCommand, RichGroup

from cluster_ai.cli.words import t

HELP_LOOK: Final = {
    "options_panel_title": t("help.options"),
    "arguments_panel_title": t("help.arguments"),
    "commands_panel_title": t("help.commands"),
    "required_long_string": t("help.required"),
    "required_short_string": "*",
    "default_string": t("help.default", value="{}"),
    "text_markup": None,
    "show_arguments": False,
}
SETTINGS: Final[dict[str, Any]] = {"help_option_names": ["-h", "--help"], "rich_help_config": HELP_LOOK}

_SAME: Final = (("ls", "list"), ("rm", "remove", "delete", "revoke"), ("create", "add"), ("submit", "import", "apply"))
"""Words for one thing: a noun has one of each row, and is understood by all of them."""


class Verb(RichCommand):
    """One verb."""

    def __init__(self, *args: Any, **more: Any) -> None:
        more["context_settings"] = {**SETTINGS, **(more.get("context_settings") or {})}
        super().__init__(*args, **{"options_metavar": t("help.options_metavar"), **more})

    def get_help_option(self, ctx: Any) -> click.Option | None:
        return _in_our_words(super().get_help_option(ctx))


class Noun(RichGroup):
    """A noun with its verbs."""

    command_class = Verb

    def __init__(self, *args: Any, **more: Any) -> None:
        more["context_settings"] = {**SETTINGS, **(more.get("context_settings") or {})}
        super().__init__(*args, **{"options_metavar": t("help.options_metavar"), **more})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """``ls`` and ``list`` are one verb, whichever of the two a noun has; so are other words for one thing."""
        found = super().get_command(ctx, cmd_name)
        if found is None:
            others = {word for row in _SAME if cmd_name in row for word in row} & {*self.list_commands(ctx)}
            # Where a noun has two of them they differ, and nobody guesses.
            found = super().get_command(ctx, others.pop()) if len(others) == 1 else None
        return found

    def get_help_option(self, ctx: Any) -> click.Option | None:
        return _in_our_words(super().get_help_option(ctx))


def _in_our_words(option: click.Option | None) -> click.Option | None:
    if option is not None:
        option.help = t("help.help")
    return option


as_json = click.option("--json", "as_json", is_flag=True, help=t("option.json"))
