"""``cluster-ai doctor`` (``diag``): what is wrong, from what that is known, what to do, and what it did itself."""

import platform
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cluster_ai import __version__
from cluster_ai.cli import checks, checks_left, checks_machines, checks_running, place, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.findings import Check, Fix, Verdict, failed
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import ClusterError

MARKS = {Verdict.OK: ("✔", "green"), Verdict.WARNING: ("!", "yellow"), Verdict.PROBLEM: ("✘", "red")}


def _verb(name: str, meaning: str) -> click.Command:
    """The same under two names."""

    @click.command(name, cls=Verb, help=meaning)
    @click.option("--fix", "fix", type=click.Choice([Fix.SAFE.value]), help=t("doctor.fix"))
    @click.option("--bundle", type=click.Path(path_type=Path), metavar=t("meta.file"), help=t("doctor.bundle"))
    @as_json
    def verb(*, fix: str | None, bundle: Path | None, as_json: bool) -> None:
        _look(fixes=fix is not None, bundle=bundle, as_json=as_json)

    return verb


def _look(*, fixes: bool, bundle: Path | None, as_json: bool) -> None:
    found: list[Check] = []
    for check in all_checks():
        found.append(check)
        if not as_json:
            _draw(check)
    mended = _mend(found, quiet=as_json) if fixes else []
    left = [check for check in found if check not in mended]
    problems = sum(check.verdict is Verdict.PROBLEM for check in left)
    facts = _facts()
    rows = [_row(check, mended=check in mended) for check in found]
    if bundle is not None:
        from cluster_ai.cli.bug_report import write

        write(bundle, facts=facts, checks=rows)
    if as_json:
        shown = {"bundle": str(bundle)} if bundle else {}
        show.out_json({"ok": not problems, **facts, "home": str(place.home().root), **shown, "checks": rows})
    else:
        show.out()
        show.out(t("diag.problems", count=problems) if problems else t("diag.fine"))
        if bundle is not None:
            show.say(t("doctor.bundled", path=bundle))
    leave(Exit.DEGRADED if problems else Exit.OK)


diag, doctor = _verb("diag", t("diag.help")), _verb("doctor", t("doctor.help"))


def _facts() -> dict[str, str]:
    return {"version": __version__, "python": platform.python_version(), "system": platform.platform()}


def _row(check: Check, *, mended: bool) -> dict[str, Any]:
    return {**asdict(check), "fix": str(check.fix), "mended": mended}


def _mend(found: list[Check], *, quiet: bool) -> list[Check]:
    """Does what is safe, and answers for which findings."""
    home, mended = place.home(), [check for check in found if check.fix == Fix.SAFE]
    for code in dict.fromkeys(check.code for check in mended):
        checks_left.MENDS[code](home)
    for check in mended if not quiet else ():
        show.say(t("doctor.mended", command=show.safe(check.command)))
    return mended


def _draw(check: Check) -> None:
    mark, colour = MARKS[check.verdict]
    show.out(f"{click.style(mark, fg=colour)} {check.id:<18} {show.safe(check.evidence)}")
    if check.verdict is Verdict.OK:
        return
    if check.hint:
        show.out(f"  {'':<18} {t('error.hint')} {show.safe(check.hint)}")
    if check.code:
        who = t(f"doctor.class.{check.fix.replace(' ', '_')}")
        show.out(f"  {'':<18} {check.code} · {who}")


def all_checks() -> Iterator[Check]:
    """Every check, the foundations first. A check that cannot be made is a problem, not an end."""
    home = place.home()
    try:
        settings = place.settings()
    except ClusterError as exc:
        yield failed("settings", exc, code="settings_wrong")
        return
    seen = str(home.config) if home.config.exists() else t("diag.defaults", file=home.config)
    yield Check("settings", Verdict.OK, seen)
    yield checks.check_home(home)
    yield checks.check_disk(home)
    yield checks.check_memory()
    yield checks.check_dashboard()
    yield from checks_machines.check_certificate(settings)
    runs = yield from checks_running.check_parts(home)
    yield from checks_left.check_left(home, runs=runs)
    if not runs:
        yield checks.check_ports(settings)
        return
    yield from checks_running.check_api(settings)
    yield checks_running.check_models(settings)
    yield from checks_machines.check_machines(settings)
