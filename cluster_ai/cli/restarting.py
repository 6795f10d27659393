"""One part restarted, and what became of it."""

import asyncio
import re
from collections.abc import Mapping

from cluster_ai.cli import place, progress, show
from cluster_ai.cli.exits import Exit, leave
from cluster_ai.cli.watching import DidNotCome, look, until
from cluster_ai.cli.words import t
from cluster_ai.core.errors import NotFound
from cluster_ai.supervisor.control import Control
from cluster_ai.supervisor.types import SupervisorView


def restart_part(name: str, seconds: float) -> None:
    """Restarts a part, or all that do the same work, and says so when they are ready.

    Raises:
        NotFound: there is none of that name.
        Misconfigured: the settings as they are written now would let no part start; nothing was restarted.
        Leave: one of them did not become ready.
    """
    home = place.home()
    # Told here in full, before a process that works is replaced by one that could not start.
    place.settings()
    before = {part.name: part.pid for part in look(home).parts}
    # Several that do the same work are one part to people: `gateway` is `gateway-0`, `gateway-1`...
    wanted = {found: pid for found, pid in before.items() if re.fullmatch(rf"{re.escape(name)}(-\d+)?", found)}
    if not wanted:
        raise NotFound(f"no part is called {name}", hint=", ".join(before), values={"about": "part", "name": name})
    asyncio.run(Control(home).restart(name))
    try:
        view = until(
            home,
            lambda view: _are_restarted(view, wanted),
            seconds=seconds,
            is_failed=lambda part: part.name in wanted and part.pid != wanted[part.name],
        )
    except DidNotCome as exc:
        found = [part for part in (exc.view.parts if exc.view else ()) if part.name in wanted]
        for part in [part for part in found if part.name == exc.part] or found[:1]:
            stays = part.state == "ready" and part.error
            why = t("restart.stays", why=show.safe(part.error)) if stays else progress.described(part)
            show.say(t("up.part_failed", part=part.name, why=why))
        leave(Exit.DEGRADED)
    for part in view.parts:
        if part.name in wanted:
            show.say(t("restart.done", part=part.name, pid=part.pid))


def _are_restarted(view: SupervisorView, before: Mapping[str, int | None]) -> bool:
    """Whether each of these parts is another process now.

    Raises:
        DidNotCome: the process that should have taken over did not become ready; the old one goes on.
    """
    parts = [part for part in view.parts if part.name in before]
    for part in parts:
        if part.state == "ready" and part.pid == before[part.name] and part.error and not part.replacing:
            raise DidNotCome(view, part=part.name)
    return all(part.state == "ready" and part.pid != before[part.name] and not part.replacing for part in parts)
