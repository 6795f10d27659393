"""Signing in and out, passwords, access tokens."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field, StringConstraints

from backend.auth import address_of, cookie_name, drop_cookie, set_cookie
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.accounts.service import Attempt, csrf_of
from cluster_ai.accounts.types import Issued
from cluster_ai.core.errors import Conflict
from cluster_ai.core.principals import Channel, Role, Scope
from cluster_ai.core.wire import StrictModel, Text, View

router = APIRouter(route_class=PolicedRoute, prefix="", tags=["account"])

ADMIN = "admin"

# A bound beside ``Text`` would not count: that has one of its own.
UserName = Annotated[Text, StringConstraints(min_length=1, max_length=64)]
Password = Annotated[Text, StringConstraints(min_length=1, max_length=1024)]


Code = Annotated[Text, StringConstraints(max_length=64)]


class SignIn(StrictModel):
    username: UserName
    password: Password
    code: Code = ""
    """Of the second factor, or a recovery code; without one where it is needed: ``second_factor_required``."""


class TokenRequest(SignIn):
    scopes: list[Scope] = Field(default_factory=list, max_length=16)
    """Narrows the token to these; all of the role's when empty."""


class PasswordChange(StrictModel):
    current: Annotated[Text, StringConstraints(max_length=1024)] = ""
    """May be empty for callers with the internal token."""
    new: Password


class UserView(View):
    id: str
    name: str
    role: Role
    password_chosen: bool


class Me(View):
    """Who is signed in. ``csrf`` goes into the X-CSRF-Token header; empty for callers without a cookie."""

    user: UserView
    csrf: str


class TokenView(Issued):
    token_type: str = "bearer"  # noqa: S105 - the kind of token, not one


def _me(caller: TheCaller) -> Me:
    who = caller.principal
    user = UserView(id=who.id, name=who.name, role=who.role, password_chosen=caller.password_chosen)
    return Me(user=user, csrf=caller.csrf)


@router.post(f"{API}/auth/login")
async def login(sign_in: SignIn, request: Request, response: Response, plane: ThePlane) -> Me:
    """Sets the session cookie."""
    agent = request.headers.get("user-agent", "")
    attempt = Attempt(sign_in.username, sign_in.password, address_of(request), agent, sign_in.code)
    signed = await plane.accounts.sign_in(attempt, replaces=request.cookies.get(cookie_name(request), ""))
    set_cookie(request, response, signed.token)
    return Me(user=UserView(**signed.user.model_dump()), csrf=csrf_of(signed.token))


@router.post(f"{API}/auth/token")
async def token(wanted: TokenRequest, request: Request, plane: ThePlane) -> TokenView:
    """A short-lived access token (JWT, EdDSA) for programs."""
    attempt = Attempt(wanted.username, wanted.password, address_of(request), code=wanted.code)
    issued = await plane.accounts.issue_token(attempt, scopes=frozenset(wanted.scopes))
    return TokenView(**issued.model_dump())


@router.post(f"{API}/auth/logout", status_code=204)
async def logout(request: Request, response: Response, plane: ThePlane, caller: TheCaller) -> None:
    """Ends the session."""
    if caller.principal.channel is Channel.SESSION:
        await plane.accounts.sign_out(caller.credential, actor=caller.principal.name, address=caller.address)
        drop_cookie(request, response)


@router.post(f"{API}/auth/revoke", status_code=204)
async def revoke(plane: ThePlane, caller: TheCaller) -> None:
    """Ends the access token that this call was made with."""
    if caller.principal.channel is not Channel.TOKEN:
        raise Conflict("this call carries no access token", hint="sessions end with /api/v1/auth/logout")
    await plane.accounts.revoke_token(caller.credential, actor=caller.principal.name, address=caller.address)


@router.get(f"{API}/auth/me")
async def me(caller: TheCaller) -> Me:
    """Who is calling."""
    return _me(caller)


@router.post(f"{API}/auth/password", status_code=204)
async def password(change: PasswordChange, plane: ThePlane, caller: TheCaller) -> None:
    """Sets the caller's own password; every other session and every token of theirs ends."""
    if caller.principal.channel is Channel.LOCAL and not change.current:
        # Whoever holds the internal token owns the database, too.
        await plane.accounts.set_password(ADMIN, change.new, address=caller.address)
        return
    name = ADMIN if caller.principal.channel is Channel.LOCAL else caller.principal.name
    kept = caller.credential if caller.principal.channel is Channel.SESSION else ""
    await plane.accounts.change_password(
        Attempt(name, change.current, caller.address), change.new, keep_session=kept
    )  # fmt: skip
