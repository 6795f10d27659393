"""``cluster-ai tls``: the cluster's own authority and certificates."""

import time

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
    # Who only looks changes nothing, not even a certificate that is due.
    from cluster_ai.pki.facts import tls_facts
    from cluster_ai.settings import head_files

    settings = place.settings()
    found = tls_facts(head_files(settings), time.time())
    if found.authority is None or found.certificate is None:
        raise Conflict(t("tls.none"), hint="cluster-ai tls make")
    _tell(found.cluster_id, found.authority.fingerprint, found.certificate.not_after, as_json=as_json)


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
    _tell(authority.cluster_id, authority.fingerprint, until, as_json=as_json)


def _tell(cluster: str, fingerprint: str, until: float, *, as_json: bool) -> None:
    if as_json:
        show.out_json({"cluster_id": cluster, "fingerprint": fingerprint, "certificate_until": until})
        return
    show.pairs(
        [
            (t("column.authority"), fingerprint),
            (t("column.cluster"), cluster),
            (t("column.certificate"), show.at(until)),
        ]
    )
