"""The policy table is the whole truth: every route x role x channel answers as it says, and strangers get nothing."""

import re
import uuid

import pytest
from fastapi import APIRouter

from backend import app as application
from backend.app import create_api
from backend.policy import RULES, WEBSOCKET, Rule, allows
from backend.routed import PolicedRoute
from cluster_ai.accounts import tables
from cluster_ai.accounts.types import User
from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.principals import Role
from tests.backend.running import CHEAP, PASSWORD, Api
from tests.security.described import DESCRIBED

HTTP = [rule for rule in RULES if rule.method != WEBSOCKET]
NAMES = {rule: f"{rule.method} {rule.path}" for rule in HTTP}
BODIES = {
    "workers": {"count": 1},
    "chat": {"model": "m", "messages": [{"role": "user", "content": "x"}]},
    "password": {"current": "not the password", "new": "a sentence nobody guesses"},
}


def path_of(rule: Rule) -> str:
    """A path of that route, with names that exist."""
    path = rule.path.replace("{model:path}", "smollm2:135m")
    return path.replace("{name}", "node" if "parts" in path else "n1")


@pytest.fixture(scope="module")
def tokens(api: Api) -> dict[Role, str]:
    """One user of each role."""

    async def add(role: Role) -> None:
        user = User(id=str(uuid.uuid4()), name=role.value, role=role, password_chosen=True)
        hashed = await CHEAP.hash(PASSWORD)
        async with api.plane.accounts._database.transaction() as connection:
            await tables.add_user(connection, user, password_hash=hashed, now=0.0)

    for role in Role:
        if role is not Role.ADMIN:
            api.served.run(add(role))
    return {role: api.token(username=role.value) for role in Role}


@pytest.mark.parametrize("rule", HTTP, ids=NAMES.get)
def test_stranger_reaches_the_open_routes_only(api: Api, rule: Rule) -> None:
    with api.client() as client:
        answer = client.request(rule.method, path_of(rule), content=b"{not json", headers={"Content-Type": "text/x"})
    if rule.open:
        # What must be signed is open to whoever can sign.
        assert answer.status_code != 401 or answer.json()["code"] == "signature_refused"
    else:
        assert answer.status_code == 401, "before a byte of the body is looked at"
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("rule", [rule for rule in HTTP if not rule.open], ids=NAMES.get)
def test_role_matrix(api: Api, tokens: dict[Role, str], rule: Rule, role: Role) -> None:
    allowed = allows(rule, role=role, scopes=frozenset())
    if allowed and rule.path.endswith(("/auth/revoke", "/events", "/logs/tail", "/auth/password", "/registry/watch")):
        return  # these would end the token, or never end; their own tests call them
    with api.client(Authorization=f"Bearer {tokens[role]}") as client:
        body = BODIES.get(rule.path.rpartition("/")[2], {})
        answer = client.request(rule.method, path_of(rule), json=body if rule.method == "POST" else None)
    assert (answer.status_code == 403) is not allowed, answer.text
    if not allowed:
        assert answer.json()["code"] == "forbidden"


@pytest.mark.parametrize("rule", [rule for rule in HTTP if not rule.open], ids=NAMES.get)
def test_scope_matrix(rule: Rule) -> None:
    scopes = {other.scope for other in RULES}
    for scope in scopes:
        assert allows(rule, role=Role.ADMIN, scopes=frozenset({scope})) is (scope == rule.scope)


def test_machines_are_in_nobodys_order() -> None:
    assert not any(allows(rule, role=Role.MACHINE, scopes=frozenset()) for rule in RULES if not rule.open)


def test_higher_roles_have_every_right_of_the_lower() -> None:
    order = [Role.VIEWER, Role.USER, Role.OPERATOR, Role.ADMIN]
    for rule in RULES:
        rights = [allows(rule, role=role, scopes=frozenset()) for role in order]
        assert rights == sorted(rights), rule


def test_route_without_a_line_refuses_to_start() -> None:
    router = APIRouter(route_class=PolicedRoute)
    with pytest.raises(Misconfigured, match="/api/v1/forgotten"):

        @router.get("/api/v1/forgotten")
        async def forgotten() -> None: ...


def test_line_without_a_route_and_route_around_the_table_refuse_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = Rule("GET", "/api/v1/ghost", Role.VIEWER, "cluster:read", "")
    monkeypatch.setattr(application, "RULES", (*RULES, extra))
    with pytest.raises(Misconfigured, match="ghost"):
        create_api()


def test_description_and_routes_are_the_same_inventory() -> None:
    described = {
        (method.upper(), re.sub(r"\{(model|path)\}", r"{\1:path}", path))
        for path, operations in DESCRIBED["paths"].items()
        for method in operations
    }
    assert described == {(rule.method, rule.path) for rule in HTTP}
