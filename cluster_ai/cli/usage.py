"""Click's complaints about a command line, in our words."""

import re
from difflib import get_close_matches
from typing import Final

import click

from cluster_ai.cli.show import as_called
from cluster_ai.cli.words import t

_DRAINS: Final = frozenset({"drain", "undrain", "cordon"})
"""Verbs of nodes that people look for; the configuration has what they mean."""
_EXTRA: Final = re.compile(r"Got unexpected extra arguments? \((?P<words>.*)\)", re.DOTALL)


def sentence(problem: click.ClickException) -> str:
    """What was wrong with the words typed, what was likely meant, and where help stands."""
    lines = [f"{click.style(t('error.label'), fg='red', bold=True)} {_what(problem)}"]
    context = getattr(problem, "ctx", None)
    if isinstance(context, click.Context):
        lines.append(f"  {t('usage.help', command=context.command_path)}")
    return "\n".join(lines)


def _what(problem: click.ClickException) -> str:
    match problem:
        case click.exceptions.NoSuchCommand():
            return _no_command(problem)
        case click.NoSuchOption():
            return _with_guess(t("usage.no_option", name=problem.option_name), problem.possibilities)
        case click.MissingParameter():
            return t("usage.missing", name=_name(problem))
        case click.BadParameter():
            return t("usage.bad", name=_name(problem), reason=_reason(problem))
        case click.BadOptionUsage():
            return t("usage.no_value", name=problem.option_name)
        case _:
            return _unnamed(problem.format_message())


def _unnamed(message: str) -> str:
    """Complaints that Click tells apart by their words alone."""
    if found := _EXTRA.fullmatch(message):
        return t("usage.extra", words=found["words"])
    return message


def _reason(problem: click.BadParameter) -> str:
    """What the value must be, from the kind that the parameter has: Click's own words are English."""
    match problem.param and problem.param.type:
        case click.Choice(choices=choices):
            return t("usage.one_of", names=", ".join(map(str, choices)))
        case (click.IntRange() | click.FloatRange()) as kind:
            return _within(kind)
        case click.types.IntParamType():
            return t("usage.whole_number")
        case click.types.FloatParamType():
            return t("usage.number")
        case _:
            return problem.message


def _within(kind: click.IntRange | click.FloatRange) -> str:
    number = t("usage.whole_number" if isinstance(kind, click.IntRange) else "usage.number")
    if kind.max is None:
        return t("usage.at_least", number=number, least=kind.min)
    if kind.min is None:
        return t("usage.at_most", number=number, most=kind.max)
    return t("usage.between", number=number, least=kind.min, most=kind.max)


def _with_guess(text: str, possibilities: list[str] | None) -> str:
    return f"{text} {t('usage.guess', names=', '.join(possibilities))}" if possibilities else text


def _no_command(problem: click.exceptions.NoSuchCommand) -> str:
    text = t("usage.no_command", name=problem.command_name)
    noun = problem.ctx.command.name if problem.ctx else ""
    if noun == "node" and problem.command_name in _DRAINS:
        return f"{text} {as_called(t('node.drain'))}"
    return _with_guess(text, _verbs_like(problem))


def _verbs_like(problem: click.exceptions.NoSuchCommand) -> list[str]:
    """Click looks among the commands it has loaded; ours are loaded when they are called."""
    if problem.ctx is None or not isinstance(group := problem.ctx.command, click.Group):
        return []
    return get_close_matches(problem.command_name, group.list_commands(problem.ctx))


def _name(problem: click.BadParameter) -> str:
    if problem.param is not None:
        return problem.param.get_error_hint(problem.ctx)
    hint = problem.param_hint
    return hint if isinstance(hint, str) else ", ".join(hint or ())
