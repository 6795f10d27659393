"""A second factor of one's own at sign-in."""

import io

import segno
from fastapi import APIRouter

from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from backend.routes.accounts import Code, Password
from backend.routes.sessions import session_of
from cluster_ai.accounts.service import Attempt, digest
from cluster_ai.accounts.types import BegunFactor, FactorView, RecoveryCodes, User
from cluster_ai.core.wire import StrictModel

router = APIRouter(route_class=PolicedRoute, tags=["second factor"])
PATH = f"{API}/auth/second-factor"


class Beginning(StrictModel):
    password: Password
    """The current one: a session that somebody left open is not enough."""


class Confirmation(StrictModel):
    code: Code


class TurningOff(Beginning):
    code: Code
    """Of the app, or a recovery code."""


class ShownFactor(BegunFactor):
    """``qr`` is ``uri`` as an SVG picture."""

    qr: str


@router.get(PATH)
async def own(plane: ThePlane, caller: TheCaller) -> FactorView:
    """Whether signing in asks the caller for a code, too."""
    return await plane.rooms.enrolment.state(caller.principal.id)


@router.post(PATH, status_code=201)
async def begin(wanted: Beginning, plane: ThePlane, caller: TheCaller) -> ShownFactor:
    """A secret for an app, told this once. Nothing is asked for before it is confirmed."""
    attempt = Attempt(caller.person, wanted.password, caller.address)
    begun = await plane.rooms.enrolment.begin(attempt)
    return ShownFactor(**begun.model_dump(), qr=_qr(begun.uri))


@router.post(f"{PATH}/confirm")
async def confirm(given: Confirmation, plane: ThePlane, caller: TheCaller) -> RecoveryCodes:
    """Turns it on with a first code; recovery codes are told this once. All else that is signed in ends."""
    who = caller.principal
    user = User(id=who.id, name=caller.person, role=who.role, password_chosen=caller.password_chosen)
    session = session_of(caller)
    kept = digest(session) if session else ""
    return await plane.rooms.enrolment.confirm(user, given.code, keep_session=kept, address=caller.address)


@router.post(f"{PATH}/off", status_code=204)
async def turn_off(wanted: TurningOff, plane: ThePlane, caller: TheCaller) -> None:
    """Turns it off, with the password and a code."""
    await plane.rooms.enrolment.turn_off(
        Attempt(caller.person, wanted.password, caller.address, code=wanted.code)
    )  # fmt: skip


def _qr(uri: str) -> str:
    drawn = io.BytesIO()
    # With its namespace: without one a browser does not take it for a picture.
    segno.make(uri, error="m").save(drawn, kind="svg", scale=4, border=4, xmldecl=False, svgns=True)
    return drawn.getvalue().decode("ascii")
