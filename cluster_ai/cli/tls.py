"""``cluster-ai tls``: the cluster's own authority and certificates."""

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Noun, as_json
from cluster_ai.cli.words import t
from cluster_ai.core.errors import Conflict


@click.group("tls", cls=Noun, help=t("tls.help"))
def tls() -> None:
    pass


@tls.command("make", help=t("tls.make"))
@as_json
def make(*, as_json: bool) -> None:
    _made(renew=False, as_json=as_json)


@tls.command("renew", help=t("tls.renew"))
@as_json
def renew(*, as_json: bool) -> None:
    _made(renew=True, as_json=as_json)


@tls.command("show", help=t("tls.show"))
@as_json
def one(*, as_json: bool) -> None:
    settings = place.settings()
    if not (settings.paths.authority / "ca.crt").is_file():
        raise Conflict(t("tls.none"), hint="cluster-ai tls make")
    _made(renew=False, as_json=as_json)


def _made(*, renew: bool, as_json: bool) -> None:
    from cluster_ai.pki.head import ensure_head
    from cluster_ai.pki.store import Store
    from cluster_ai.settings import head_files

    settings = place.settings()
    if settings.agent.has_joined:
        raise Conflict(t("tls.elsewhere"), hint="cluster-ai agent show")
    settings.paths.make()
    authority = ensure_head(head_files(settings), renew=renew)
    until = Store(settings.paths.tls).life().not_after
    if as_json:
        show.out_json(
            {"cluster_id": authority.cluster_id, "fingerprint": authority.fingerprint, "certificate_until": until}
        )
        return
    show.pairs(
        [
            (t("column.authority"), authority.fingerprint),
            (t("column.cluster"), authority.cluster_id),
            (t("column.certificate"), show.at(until)),
        ]
    )
