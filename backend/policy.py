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
    Rule("GET", f"{API}/machines", _V, _READ, ""),
    Rule("GET", f"{API}/machines/{{name}}", _V, _READ, ""),
    Rule("GET", f"{API}/power", _V, _READ, "what machines draw and yield; names nobody"),
    Rule("GET", f"{API}/serving", _V, _READ, "machines that serve models, for gateways"),
    Rule("PATCH", f"{API}/machines/{{name}}", _O, "machines:write", "labels; takes a machine out of service and back"),
    Rule("POST", f"{API}/machines/{{name}}/orders", _O, "machines:write", "reboots and upgrades"),
    Rule("GET", f"{API}/machines/{{name}}/orders", _V, _READ, ""),
    Rule("GET", f"{API}/machines/{{name}}/logs", _O, "machines:logs", "logs name callers and models"),
    Rule("POST", f"{API}/machines/{{name}}/exec", _A, "machines:exec", "runs a program, on machines that allow it"),
    Rule("POST", f"{API}/machines/{{name}}/wake", _O, "machines:write", "sends a magic packet"),
    Rule("DELETE", f"{API}/machines/{{name}}", _A, "machines:write", "ends a machine's certificate"),
    Rule("POST", f"{API}/host-keys/refusals", _O, "machines:write", "what this head's terminal refused, for the audit"),
    Rule("GET", f"{API}/invitations", _A, "machines:write", "who may join; never the secret"),
    Rule("POST", f"{API}/invitations", _A, "machines:write", "lets a machine run the cluster's work"),
    Rule("DELETE", f"{API}/invitations/{{invitation}}", _A, "machines:write", "takes that back"),
    Rule("GET", f"{API}/discoveries", _O, "machines:write", "what stands in the networks is no viewer's business"),
    Rule("POST", f"{API}/discoveries", _O, "machines:write", "knocks at machines of the networks that the head is on"),
    Rule("GET", f"{API}/discoveries/{{discovery}}", _O, "machines:write", "as the list"),
    Rule("DELETE", f"{API}/discoveries/{{discovery}}", _O, "machines:write", "cancels"),
    Rule("POST", f"{API}/discoveries/{{discovery}}/taken", _O, "registry:write", "others will rely on it"),
    Rule("GET", f"{API}/models", _V, _READ, ""),
    Rule("GET", f"{API}/workers", _V, _READ, ""),
    Rule("GET", f"{API}/compute", _V, _READ, ""),
    Rule("GET", f"{API}/system", _V, _READ, ""),
    Rule("GET", f"{API}/ready-details", _V, _READ, "as /ready, with details"),
    Rule("GET", f"{API}/events", _V, _READ, "live messages as server-sent events"),
    Rule(WEBSOCKET, f"{API}/stream", _V, _READ, "live messages over a WebSocket"),
    Rule("GET", f"{API}/openapi.json", _V, _READ, "the API describes itself, but not to strangers"),
    Rule("GET", f"{API}/gateway/decisions", _V, _READ, "which node was chosen, and why; names no caller"),
    Rule("GET", f"{API}/gateway/decisions/{{request_id}}", _V, _READ, ""),
    Rule("GET", f"{API}/gateway/requests", _O, "requests:read", "who called which model, and when"),
    Rule("GET", f"{API}/gateway/requests/{{request_id}}", _O, "requests:read", ""),
    Rule("POST", f"{API}/compute/jobs", _A, "jobs:write", "runs the caller's code as the user of the cluster"),
    Rule("GET", f"{API}/compute/jobs", _O, "jobs:read", "names of files, and who failed why"),
    Rule("GET", f"{API}/compute/jobs/{{job_id}}", _O, "jobs:read", "what a script wrote and answered"),
    Rule("DELETE", f"{API}/compute/jobs/{{job_id}}", _O, "jobs:write", "interrupts what runs there"),
    Rule("PUT", f"{API}/workers", _O, "workers:write", "takes memory of this machine, or interrupts tasks"),
    Rule("GET", "/dask/{path:path}", _V, _READ, "Dask's own dashboard"),
    Rule(WEBSOCKET, "/dask/{path:path}", _V, _READ, "what its pages are fed through"),
    Rule("GET", "/dask-view/{ticket}/{path:path}", None, _READ, "the ticket in the path stands for a sign-in"),
    Rule(WEBSOCKET, "/dask-view/{ticket}/{path:path}", None, _READ, "as its page"),
    Rule("GET", f"{API}/audit", _A, "audit:read", "who did what"),
    Rule("GET", f"{API}/logs", _O, "logs:read", "logs name callers and models"),
    Rule("GET", f"{API}/logs/counts", _O, "logs:read", "as the list"),
    Rule("GET", f"{API}/logs/tail", _O, "logs:read", "as the list"),
    Rule("GET", f"{API}/keys", _U, "keys:read", "one's own; an administrator's list holds everybody's"),
    Rule("GET", f"{API}/keys/{{key}}", _U, "keys:read", "as the list"),
    Rule("POST", f"{API}/keys", _A, "keys:write", "gives away a share of the cluster"),
    Rule("PATCH", f"{API}/keys/{{key}}", _A, "keys:write", "who could raise their own limits would have none"),
    Rule("DELETE", f"{API}/keys/{{key}}", _U, "keys:write", "everybody may end their own key"),
    Rule("GET", f"{API}/usage", _U, "keys:read", "of one's own keys; an administrator sees everybody's"),
    Rule("POST", f"{API}/chat", _U, "chat:write", "asks a model"),
    Rule("GET", f"{API}/catalog", _V, _READ, "well-known models, and where they fit"),
    Rule("GET", f"{API}/catalog/{{model:path}}/fit", _U, _READ, "reads from a registry of models"),
    Rule("GET", f"{API}/pulls", _V, _READ, ""),
    Rule("GET", f"{API}/pulls/{{pull_id}}", _V, _READ, ""),
    Rule("POST", f"{API}/pulls", _O, "models:write", "fills nodes' disks"),
    Rule("POST", f"{API}/pulls/{{pull_id}}/pause", _O, "models:write", ""),
    Rule("POST", f"{API}/pulls/{{pull_id}}/resume", _O, "models:write", "fills nodes' disks"),
    Rule("POST", f"{API}/pulls/{{pull_id}}/cancel", _O, "models:write", ""),
    Rule("DELETE", f"{API}/pulls/{{pull_id}}", _O, "models:write", "forgets what ended"),
    Rule("GET", f"{API}/pins", _V, _READ, ""),
    Rule("GET", f"{API}/unused", _V, _READ, "asks the nodes for their lists; names no caller"),
    Rule("GET", f"{API}/updates", _U, _READ, "reads from a registry of models"),
    Rule("POST", f"{API}/updates", _O, "models:write", "fills nodes' disks"),
    Rule("POST", f"{API}/models/{{model:path}}/load", _O, "models:write", "takes a node's memory"),
    Rule("POST", f"{API}/models/{{model:path}}/unload", _O, "models:write", "the next call waits for the model"),
    Rule("POST", f"{API}/models/{{model:path}}/pin", _O, "models:write", "takes a node's memory for good"),
    Rule("POST", f"{API}/models/{{model:path}}/unpin", _O, "models:write", ""),
    Rule("POST", f"{API}/models/{{model:path}}/copy", _O, "models:write", "gives a model a second name"),
    Rule("POST", f"{API}/models/{{model:path}}/pull", _O, "models:write", "fills a node's disk"),
    Rule("DELETE", f"{API}/models/{{model:path}}", _O, "models:write", "removes a model for everybody"),
    Rule("POST", f"{API}/workers", _O, "workers:write", "takes memory of this machine"),
    Rule("POST", f"{API}/system/parts/{{name}}/restart", _O, "parts:write", "interrupts what runs there"),
    Rule("GET", f"{API}/registry/instances", _V, "registry:read", "who is there, and how it does"),
    Rule("GET", f"{API}/registry/instances/{{instance}}", _V, "registry:read", ""),
    Rule("POST", f"{API}/registry/discover", _V, "registry:read", "changes nothing"),
    Rule("GET", f"{API}/registry/watch", _V, "registry:read", "changes as they come"),
    Rule("POST", f"{API}/registry/instances", _O, "registry:write", "others will rely on it"),
    Rule("PUT", f"{API}/registry/instances/{{instance}}/heartbeat", _O, "registry:write", "of one's own instance"),
    Rule("DELETE", f"{API}/registry/instances/{{instance}}", _O, "registry:write", "of one's own instance"),
    Rule("POST", f"{API}/registry/instances/{{instance}}/marks", _O, "registry:write", "weighs on whom others find"),
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


def the_rule(method: str, path: str) -> Rule:
    """The same for a route that has one."""
    return _BY_ROUTE[method, path]


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
        raise Forbidden(
            f"this token does not reach {rule.scope}",
            hint="ask for a token with that scope",
            values={"about": "scope", "scope": str(rule.scope)},
        )
    raise Forbidden(
        f"this needs the role {rule.least}; yours is {principal.role}",
        hint="ask an administrator",
        values={"about": "role", "least": str(rule.least), "role": str(principal.role)},
    )
