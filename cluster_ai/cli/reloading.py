"""``cluster-ai reload``: the changed configuration in force, without a restart."""

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t


@click.command(cls=Verb, help=t("reload.help"))
@as_json
def reload(*, as_json: bool) -> None:
    # A wrong file is found here, with or without a gateway that runs.
    home = place.settings().paths
    from cluster_ai.core.errors import Unavailable
    from cluster_ai.gateway.reloading import reload_all

    found = reload_all(home.run)
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
