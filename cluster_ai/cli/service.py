"""``cluster-ai service``: what starts this machine's part of the cluster at boot, and again when it ends."""

from typing import TYPE_CHECKING

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.noun import Noun, Verb, as_json
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from cluster_ai.cli.service_unit import Installed


@click.group("service", cls=Noun, help=t("service.help"))
def service() -> None:
    pass


@service.command("status", cls=Verb, help=t("service.status"))
@as_json
def status(*, as_json: bool) -> None:
    from cluster_ai.cli import kept, service_unit

    home, found = place.home(), service_unit.installed()
    stays = kept.stays_stopped(home)
    unit = service_unit.systemd_says(found) if found else {}
    # The data directory may be another user's, who alone looks into it.
    pid = kept.runner(home) or int(unit.get("MainPID", "0"))
    if as_json:
        show.out_json(
            {
                "installed": found is not None,
                "kind": found.kind if found else "",
                "role": found.role if found else "",
                "pid": pid,
                "held": bool(pid) and stays,
                "at_boot": unit.get("UnitFileState") == "enabled" if unit else None,
                "state": unit.get("ActiveState", ""),
                "restarts": int(unit["NRestarts"]) if "NRestarts" in unit else None,
                "unit": unit.get("FragmentPath", ""),
            }
        )
    else:
        _draw(found, unit, pid=pid, stays=stays)
    leave(Exit.OK if pid or found is None else Exit.DEGRADED)


def _draw(found: "Installed | None", unit: dict[str, str], *, pid: int, stays: bool) -> None:
    if found is None and not pid:
        show.say(t("service.none"))
        return
    rows = [(t("column.state"), t("service.runs", pid=pid) if pid else t("service.rests"))]
    if pid and stays:
        rows.append((t("service.cluster"), t("service.held")))
    if found:
        rows.append((t("service.kind"), t(f"service.kind.{found.kind}")))
        rows.append((t("service.role"), t(f"service.role.{found.role}")))
    if unit:
        rows.append((t("service.at_boot"), t("text.yes" if unit.get("UnitFileState") == "enabled" else "text.no")))
        rows.append(("systemd", f"{unit.get('ActiveState', '')} ({unit.get('SubState', '')})"))
        rows.append((t("service.unit"), show.safe(unit.get("FragmentPath", ""))))
    show.pairs(rows)
