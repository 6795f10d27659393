"""What each role may call: the one table. Routes, documentation and tests read it; nothing else grants anything.

A route that is not in the table refuses to start, and so does a line without a route.
"""

from dataclasses import dataclass
from typing import Final

from cluster_ai.core.errors import Forbidden
from cluster_ai.core.principals import Principal, Role, Scope

API: Final = "/api/v1"
WEBSOCKET: Final = "WEBSOCKET"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Rule:
    """``least`` is the smallest role that may call; None opens the route to everybody."""

    method: str
    path: str
    least: Role | None
    scope: Scope
    why: str

    @property
    def open(self) -> bool:
        return self.least is None


_V, _U, _O, _A = Role.VIEWER, Role.USER, Role.OPERATOR, Role.ADMIN
_READ = "cluster:read"

RULES: Final[tuple[Rule, ...]] = (
    Rule("GET", "/health", None, _READ, "probes of the supervisor and of load balancers; says nothing but alive"),
    Rule("GET", "/ready", None, _READ, "names and verdicts for everybody, details for who is signed in"),
    Rule("GET", "/metrics", _V, "metrics:read", "Prometheus"),
    Rule("POST", f"{API}/auth/login", None, "account:write", "signing in needs no sign-in"),
    Rule("POST", f"{API}/auth/token", None, "account:write", "the same for programs"),
    Rule("POST", f"{API}/auth/logout", _V, "account:write", "everybody may leave"),
    Rule("GET", f"{API}/auth/me", _V, "account:read", "who am I"),
    Rule("POST", f"{API}/auth/password", _V, "account:write", "everybody owns their password"),
    Rule("POST", f"{API}/auth/revoke", _V, "account:write", "everybody may end their own token"),
    Rule("GET", f"{API}/overview", _V, _READ, "the live snapshot"),
    Rule("GET", f"{API}/nodes", _V, _READ, ""),
    Rule("GET", f"{API}/nodes/{{name}}", _V, _READ, ""),
    Rule("GET", f"{API}/models", _V, _READ, ""),
    Rule("GET", f"{API}/workers", _V, _READ, ""),
    Rule("GET", f"{API}/compute", _V, _READ, ""),
    Rule("GET", f"{API}/system", _V, _READ, ""),
    Rule("GET", f"{API}/ready-details", _V, _READ, "as /ready, with details"),
    Rule("GET", f"{API}/events", _V, _READ, "live messages as server-sent events"),
    Rule(WEBSOCKET, f"{API}/stream", _V, _READ, "live messages over a WebSocket"),
    Rule("GET", f"{API}/openapi.json", _V, _READ, "the API describes itself, but not to strangers"),
    Rule("GET", f"{API}/audit", _A, "audit:read", "who did what"),
    Rule("POST", f"{API}/chat", _U, "chat:write", "asks a model"),
    Rule("POST", f"{API}/models/{{model:path}}/pull", _O, "models:write", "fills a node's disk"),
    Rule("DELETE", f"{API}/models/{{model:path}}", _O, "models:write", "removes a model for everybody"),
    Rule("POST", f"{API}/workers", _O, "workers:write", "takes memory of this machine"),
    Rule("POST", f"{API}/system/parts/{{name}}/restart", _O, "parts:write", "interrupts what runs there"),
    Rule("GET", "/models", _V, _READ, "short path"),
    Rule("POST", "/models/{model:path}/pull", _O, "models:write", "short path"),
    Rule("DELETE", "/models/{model:path}", _O, "models:write", "short path"),
    Rule("POST", "/workers", _O, "workers:write", "short path"),
)

_RANK: Final = {Role.VIEWER: 0, Role.USER: 1, Role.OPERATOR: 2, Role.ADMIN: 3}
_BY_ROUTE: Final = {(rule.method, rule.path): rule for rule in RULES}


def rule_of(method: str, path: str) -> Rule | None:
    """The line for a route's method and template; None when nobody wrote one."""
    return _BY_ROUTE.get((method, path))


def allows(rule: Rule, *, role: Role, scopes: frozenset[str]) -> bool:
    """Whether a caller of ``role``, narrowed to ``scopes`` when there are any, may call. Denies by default."""
    if rule.least is None:
        return True
    # Machines have a rank in nobody's order: no line of this table is for them.
    rank = _RANK.get(role, -1)
    return rank >= _RANK[rule.least] and (not scopes or rule.scope in scopes)


def check(rule: Rule, principal: Principal) -> None:
    """Lets ``principal`` pass.

    Raises:
        Forbidden: says which role or scope is missing.
    """
    if allows(rule, role=principal.role, scopes=principal.scopes):
        return
    if principal.scopes and rule.scope not in principal.scopes:
        raise Forbidden(f"this token does not reach {rule.scope}", hint="ask for a token with that scope")
    raise Forbidden(f"this needs the role {rule.least}; yours is {principal.role}", hint="ask an administrator")
