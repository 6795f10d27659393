"""Click's complaints about a command line, in our words."""

from difflib import get_close_matches

import click

from cluster_ai.cli.words import t


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
            return _with_guess(t("usage.no_command", name=problem.command_name), _verbs_like(problem))
        case click.NoSuchOption():
            return _with_guess(t("usage.no_option", name=problem.option_name), problem.possibilities)
        case click.MissingParameter():
            return t("usage.missing", name=_name(problem))
        case click.BadParameter():
            return t("usage.bad", name=_name(problem), reason=problem.message)
        case _:
            return problem.format_message()


def _with_guess(text: str, possibilities: list[str] | None) -> str:
    return f"{text} {t('usage.guess', names=', '.join(possibilities))}" if possibilities else text


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
