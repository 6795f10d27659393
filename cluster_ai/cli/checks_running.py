"""What ``cluster-ai doctor`` asks of a running cluster."""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

from cluster_ai.cli.findings import Check, Verdict, failed
from cluster_ai.cli.watching import look
from cluster_ai.cli.words import t
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.paths import Home

if TYPE_CHECKING:
    from cluster_ai.settings import Settings


def check_parts(home: Home) -> Generator[Check, None, bool]:
    """The supervisor and each part; the generator's value says whether a supervisor runs."""
    try:
        view = look(home)
    except ClusterError as exc:
        yield failed("supervisor", exc, code="supervisor_away", command="cluster-ai up -d")
        return False
    yield Check("supervisor", Verdict.OK, t("diag.supervisor", pid=view.pid, version=view.version))
    for part in view.parts:
        if part.state == "ready":
            said = t("diag.part", pid=part.pid, port=part.port)
            again = t("diag.restarted", count=part.restarts) if part.restarts else ""
            yield Check(f"part.{part.name}", Verdict.OK, f"{said}{again}")
        else:
            seen = " · ".join(text for text in (t(f"state.{part.state.value}"), part.last_exit, part.error) if text)
            yield Check(
                f"part.{part.name}",
                Verdict.PROBLEM,
                seen,
                f"cluster-ai logs {part.name}",
                "part_unwell",
                f"cluster-ai restart {part.name}",
            )
    return True


def check_api(settings: "Settings") -> Iterator[Check]:
    from cluster_ai.client import Client

    try:
        with Client.local(settings) as client:
            ready, term = client.ready(), client.leader()
    except ClusterError as exc:
        yield failed("api", exc, code="api_silent", command="cluster-ai restart backend")
        return
    yield Check("api", Verdict.OK, t("diag.answers"))
    if term.leads:
        yield Check("leader", Verdict.OK, t("diag.leads", epoch=term.epoch))
    elif term.holder:
        yield Check("leader", Verdict.OK, t("diag.follows", head=term.holder, epoch=term.epoch))
    else:
        yield Check("leader", Verdict.WARNING, t("diag.no_leader"), t("diag.leader_soon"), "leader_missing")
    for found in ready.checks:
        verdict = Verdict.OK if found.ok else Verdict.PROBLEM
        seen = found.detail or (t("diag.ok") if found.ok else t("diag.not_ok"))
        yield Check(f"ready.{found.name}", verdict, seen, found.hint, "" if found.ok else "not_ready")


def check_models(settings: "Settings") -> Check:
    from cluster_ai.cli.gateway import Gateway

    try:
        with Gateway(settings) as gateway:
            names = [str(model.get("name")) for model in gateway.ask("/api/tags").get("models") or []]
    except ClusterError as exc:
        return failed("models", exc, code="models_unseen")
    if not names:
        return Check("models", Verdict.PROBLEM, t("diag.no_model"), "cluster-ai node ls", "models_none")
    return Check("models", Verdict.OK, ", ".join(names))
