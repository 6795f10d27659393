"""Calls about who may sign in. Pure."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from cluster_ai.client.calls import API, Call, Listing, nothing
from cluster_ai.core.wire import View


class Person(View):
    """A user as administrators see them. Times are Unix seconds."""

    name: str
    role: str
    password_chosen: bool
    disabled: bool
    created_at: float
    seen_at: float | None = None
    second_factor: bool = False


class MadeUser(View):
    """``password`` is the one that was made up; empty when one was given."""

    user: Person
    password: str


class GivenPassword(View):
    """``password`` is the one that was made up; empty when one was given."""

    password: str


def users() -> Call[tuple[Person, ...]]:
    return Call("GET", f"{API}/users", lambda body: Listing[Person].model_validate_json(body).items)


def create_user(fields: Mapping[str, Any]) -> Call[MadeUser]:
    """``fields``: name, role, and a password unless one shall be made up."""
    return Call("POST", f"{API}/users", MadeUser.model_validate_json, body=fields)


def change_user(name: str, fields: Mapping[str, Any]) -> Call[Person]:
    """``fields``: role, disabled; what is left out stays."""
    return Call("PATCH", _path(name), Person.model_validate_json, body=fields)


def set_password(name: str, password: str) -> Call[GivenPassword]:
    """One is made up when ``password`` is empty."""
    fields = {"password": password} if password else {}
    return Call("POST", f"{_path(name)}/password", GivenPassword.model_validate_json, body=fields)


def reset_second_factor(name: str) -> Call[None]:
    return Call("DELETE", f"{_path(name)}/second-factor", nothing)


def delete_user(name: str) -> Call[None]:
    return Call("DELETE", _path(name), nothing)


def _path(name: str) -> str:
    return f"{API}/users/{quote(name, safe='')}"


class Session(View):
    """Somewhere that somebody is signed in. Times are Unix seconds."""

    id: str
    created_at: float
    seen_at: float
    address: str
    agent: str
    current: bool


def sessions(user: str = "") -> Call[tuple[Session, ...]]:
    """One's own, or those of ``user``."""
    return Call("GET", _sessions(user), lambda body: Listing[Session].model_validate_json(body).items)


def end_session(session: str, *, user: str = "") -> Call[None]:
    return Call("DELETE", f"{_sessions(user)}/{quote(session, safe='')}", nothing)


def end_sessions(user: str = "") -> Call[None]:
    """All but the one that asks."""
    return Call("DELETE", _sessions(user), nothing)


def _sessions(user: str) -> str:
    return f"{_path(user)}/sessions" if user else f"{API}/auth/sessions"
