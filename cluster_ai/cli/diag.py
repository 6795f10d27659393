"""``cluster-ai diag``: what is wrong, from what that is known, and what to do."""

import platform
from collections.abc import Iterator
from dataclasses import asdict

import click

from cluster_ai import __version__
from cluster_ai.cli import checks, checks_machines, checks_running, place, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.findings import Check, Verdict, failed
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import ClusterError

MARKS = {Verdict.OK: ("✔", "green"), Verdict.WARNING: ("!", "yellow"), Verdict.PROBLEM: ("✘", "red")}


@click.command(cls=Verb, help=t("diag.help"))
@as_json
def diag(*, as_json: bool) -> None:
    home = place.home()
    found: list[Check] = []
    for check in all_checks():
        found.append(check)
        if not as_json:
            _draw(check)
    problems = sum(check.verdict is Verdict.PROBLEM for check in found)
    if as_json:
        facts = {"version": __version__, "python": platform.python_version(), "system": platform.platform()}
        show.out_json(
            {"ok": not problems, **facts, "home": str(home.root), "checks": [asdict(check) for check in found]}
        )
    else:
        show.out()
        show.out(t("diag.problems", count=problems) if problems else t("diag.fine"))
    leave(Exit.DEGRADED if problems else Exit.OK)


def _draw(check: Check) -> None:
    mark, colour = MARKS[check.verdict]
    show.out(f"{click.style(mark, fg=colour)} {check.id:<18} {show.safe(check.evidence)}")
    if check.hint and check.verdict is not Verdict.OK:
        show.out(f"  {'':<18} {t('error.hint')} {show.safe(check.hint)}")


def all_checks() -> Iterator[Check]:
    """Every check, the foundations first. A check that cannot be made is a problem, not an end."""
    home = place.home()
    try:
        settings = place.settings()
    except ClusterError as exc:
        yield failed("settings", exc)
        return
    seen = str(home.config) if home.config.exists() else t("diag.defaults", file=home.config)
    yield Check("settings", Verdict.OK, seen)
    yield checks.check_home(home)
    yield checks.check_disk(home)
    yield checks.check_memory()
    yield checks.check_dashboard()
    yield from checks_machines.check_certificate(settings)
    runs = yield from checks_running.check_parts(home)
    if not runs:
        yield checks.check_ports(settings)
        return
    yield from checks_running.check_api(settings)
    yield checks_running.check_models(settings)
    yield from checks_machines.check_machines(settings)
