"""Verbs of ``cluster-ai node`` by which machines of the LAN may come: the head's address, and join lines."""

import time
from typing import TYPE_CHECKING, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.naming import LABEL, LINE
from cluster_ai.cli.noun import Verb, as_json
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from cluster_ai.nodes.views import InvitationView

INVITATIONS: Final = ("line", "state", "made", "expires", "labels", "used")
INVITATIONS_FIT: Final = show.fit_of(INVITATIONS, whole=["line", "state"], spare=("labels", "made", "used", "expires"))


@click.command("open", cls=Verb, help=t("node.open"))
@click.argument("address", required=False, metavar=t("meta.address_optional"))
def open_to_lan(*, address: str | None) -> None:
    from cluster_ai.cli.lan import chosen_address, refuse_without_password, write_bind

    home = place.home()
    chosen = address or chosen_address()
    refuse_without_password(place.settings())
    write_bind(home.config, chosen)
    # Whatever is wrong with it is told now, not at the next start.
    place.settings()
    show.say(t("node.opened", address=show.safe(chosen), file=show.safe(home.config)))


@click.command("invite", cls=Verb, help=t("node.invite"))
@click.option("--minutes", type=click.FloatRange(min=0, max=10_080, min_open=True), metavar="N", help=t("node.minutes"))
@click.option("--label", "labels", multiple=True, type=LABEL, metavar=t("meta.label"), help=t("node.label_of_new"))
@click.option("--qr/--no-qr", default=None, help=t("node.qr"))
@as_json
def invite(*, minutes: float | None, labels: tuple[str, ...], qr: bool | None, as_json: bool) -> None:
    from cluster_ai.client import machines

    with place.client() as client:
        made = client.send(machines.invite(minutes=minutes, labels=labels))
    if as_json:
        show.out_json(made.model_dump(mode="json", exclude={"qr"}))
        return
    left = show.duration(max(0.0, made.invitation.expires_at - time.time()))
    show.say(t("node.invited", left=left))
    show.out(made.command)
    if show.is_terminal() if qr is None else qr:
        _draw(made.line)
    show.say(t("node.invited_more"))


def _draw(line: str) -> None:
    """The line as a picture of characters, for a phone or a second machine with a camera."""
    import io

    import segno

    drawn = io.StringIO()
    segno.make(line, error="l").terminal(out=drawn, compact=True)
    show.say(drawn.getvalue())


@click.command("invitations", cls=Verb, help=t("node.invitations"))
@as_json
def invitations(*, as_json: bool) -> None:
    from cluster_ai.client import machines

    with place.client() as client:
        found = client.send(machines.invitations())
    if as_json:
        show.out_json({"items": [one.model_dump(mode="json") for one in found]})
        return
    show.table([t(f"column.{name}") for name in INVITATIONS], map(_invitation, found), fit=INVITATIONS_FIT)


def _invitation(one: "InvitationView") -> tuple[object, ...]:
    return (
        one.id,
        show.state(one.state),
        show.at(one.made_at),
        show.at(one.expires_at),
        " ".join(one.labels),
        one.used_by,
    )


@click.command("uninvite", cls=Verb, help=t("node.uninvite"))
@click.argument("line", type=LINE, metavar=t("meta.line"))
def uninvite(*, line: str) -> None:
    from cluster_ai.client import machines

    with place.client() as client:
        found = client.send(machines.revoke_invitation(line))
    show.say(t("node.uninvited", line=found.id, state=t(f"word.{found.state}")))


VERBS: Final = (open_to_lan, invite, invitations, uninvite)
