"""``cluster-ai reload``: the changed configuration in force, without a restart."""

from pathlib import Path
from typing import Any

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t

LOCAL = "http://localhost"
NAME = "gateway"
ANSWER_SECONDS = 10.0
_GOOD = 200


@click.command(cls=Verb, help=t("reload.help"))
@as_json
def reload(*, as_json: bool) -> None:
    # A wrong file is found here, with or without a gateway that runs.
    home = place.settings().paths
    from cluster_ai.core.errors import Unavailable
    from cluster_ai.core.sockets import doors_in
    from cluster_ai.gateway.reload import ReloadView

    doors = doors_in(home.run, NAME)
    found = {pid: ReloadView.model_validate(said) for pid, door in doors.items() if (said := _asked(door)) is not None}
    if not found:
        raise Unavailable("no gateway runs here", hint="cluster-ai up")
    if as_json:
        items = [{"pid": pid, **one.model_dump(mode="json")} for pid, one in found.items()]
        show.out_json({"items": items})
        return
    for pid, one in found.items():
        show.say(t("reload.done", pid=pid))
        for kind, names in one.model_dump().items():
            if names:
                show.say("  " + t(f"reload.{kind}", names=", ".join(map(show.safe, names))))
        if not any(one.model_dump().values()):
            show.say("  " + t("reload.nothing"))


def _asked(door: Path) -> Any:
    """What one process says that it changed; None when it has just ended.

    Raises:
        Misconfigured: it found the configuration wrong, and goes on with the old one.
    """
    import httpx2

    from cluster_ai.core.errors import Misconfigured
    from cluster_ai.core.sockets import short

    with short(door.parent, door.name) as path:
        transport = httpx2.HTTPTransport(uds=path)
        with httpx2.Client(transport=transport, base_url=LOCAL, timeout=ANSWER_SECONDS, trust_env=False) as client:
            try:
                answer = client.post("/-/reload")
            except httpx2.ConnectError:
                return None
    said = answer.json()
    if answer.status_code != _GOOD:
        raise Misconfigured(str(said.get("message") or said), hint=str(said.get("hint") or ""))
    return said
