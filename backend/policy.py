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
_OVERRIDES = f"{API}/policies/freezes/{{event_id}}/override"

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
    Rule("GET", f"{API}/metrics/recent", _V, _READ, "what the snapshots of the last hour said"),
    Rule("GET", f"{API}/cluster", _V, _READ, "which head leads"),
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
    Rule("GET", f"{API}/events", _V, _READ, "live messages; of plans and tickets those that one may list"),
    Rule("GET", f"{API}/event-log", _V, _READ, "what the live messages told before"),
    Rule(WEBSOCKET, f"{API}/stream", _V, _READ, "the same over a WebSocket"),
    Rule("GET", f"{API}/openapi.json", _V, _READ, "the API describes itself, but not to strangers"),
    Rule("GET", f"{API}/gateway/decisions", _V, _READ, "which node was chosen, and why; names no caller"),
    Rule("GET", f"{API}/gateway/decisions/{{request_id}}", _V, _READ, ""),
    Rule("GET", f"{API}/gateway/requests", _O, "requests:read", "who called which model, and when"),
    Rule("GET", f"{API}/gateway/requests/{{request_id}}", _O, "requests:read", ""),
    Rule("POST", f"{API}/plans", _U, "plans:write", "work on the cluster, in one's own name"),
    Rule("POST", f"{API}/plan-checks", _U, "plans:read", "stores nothing"),
    Rule("GET", f"{API}/plans", _U, "plans:read", "one's own; operators see everybody's"),
    Rule("GET", f"{API}/plans/{{plan_id}}", _U, "plans:read", "as the list"),
    Rule("GET", f"{API}/plans/{{plan_id}}/tickets", _U, "plans:read", "as the list"),
    Rule("GET", f"{API}/plans/{{plan_id}}/graph", _U, "plans:read", "as the list"),
    Rule("GET", f"{API}/plans/{{plan_id}}/verify", _U, "plans:read", "as the list"),
    Rule("POST", f"{API}/plans/{{plan_id}}/cancel", _U, "plans:write", "one's own; operators everybody's"),
    Rule("POST", f"{API}/plans/{{plan_id}}/pause", _U, "plans:write", "as cancel"),
    Rule("POST", f"{API}/plans/{{plan_id}}/resume", _U, "plans:write", "as cancel"),
    Rule("POST", f"{API}/plans/{{plan_id}}/replay", _U, "plans:write", "as cancel"),
    Rule("DELETE", f"{API}/plans/{{plan_id}}", _U, "plans:write", "forgets what ended"),
    Rule("GET", f"{API}/workflows/{{plan_id}}", _U, "plans:read", "as /plans"),
    Rule("POST", f"{API}/workflows/{{plan_id}}/signal", _U, "plans:write", "as /plans"),
    Rule("GET", f"{API}/workflows/{{plan_id}}/query/get_status", _U, "plans:read", "as /plans"),
    Rule("GET", f"{API}/workflows/{{plan_id}}/query/get_tickets", _U, "plans:read", "as /plans"),
    Rule("GET", f"{API}/flow-c/status", _V, _READ, "figures; names nobody"),
    Rule("GET", f"{API}/schemas/{{name}}", _V, _READ, "what the API takes and gives"),
    Rule("POST", f"{API}/tickets", _U, "plans:write", "as /plans"),
    Rule("POST", f"{API}/ticket-batches", _U, "plans:write", "as /plans"),
    Rule("GET", f"{API}/tickets", _U, "plans:read", "one's own; operators see everybody's"),
    Rule("GET", f"{API}/tickets/by-plan/{{plan_id}}", _U, "plans:read", "as the list"),
    Rule("GET", f"{API}/tickets/counts", _U, "plans:read", "as the list"),
    Rule("GET", f"{API}/tickets/dead-letter", _U, "plans:read", "as the list"),
    Rule("POST", f"{API}/tickets/dead-letter/revive", _U, "plans:write", "one's own; operators everybody's"),
    Rule("GET", f"{API}/tickets/paused-kinds", _U, "plans:read", ""),
    Rule("PUT", f"{API}/tickets/paused-kinds/{{kind}}", _O, "plans:write", "stops everybody's work of a kind"),
    Rule("DELETE", f"{API}/tickets/paused-kinds/{{kind}}", _O, "plans:write", "as pausing it"),
    Rule("GET", f"{API}/tickets/{{ticket_id}}", _U, "plans:read", "as the list"),
    Rule("GET", f"{API}/tickets/{{ticket_id}}/result", _U, "plans:read", "as the list"),
    Rule("GET", f"{API}/tickets/{{ticket_id}}/history", _U, "plans:read", "as the list"),
    Rule("GET", f"{API}/tickets/{{ticket_id}}/token", _U, "plans:read", "gives away no more than the caller has"),
    Rule("PATCH", f"{API}/tickets/{{ticket_id}}/status", _U, "plans:write", "one's own; operators everybody's"),
    Rule("POST", f"{API}/tickets/{{ticket_id}}/retry", _U, "plans:write", "as its status"),
    Rule("POST", f"{API}/tickets/{{ticket_id}}/cancel", _U, "plans:write", "as its status"),
    Rule("GET", f"{API}/tickets/{{ticket_id}}/self", None, "plans:read", "the ticket's own token opens it"),
    Rule("POST", f"{API}/tickets/{{ticket_id}}/start", None, "plans:write", "the attempt's own token opens it"),
    Rule("POST", f"{API}/tickets/{{ticket_id}}/heartbeat", None, "plans:write", "the attempt's own token opens it"),
    Rule("POST", f"{API}/tickets/{{ticket_id}}/progress", None, "plans:write", "the attempt's own token opens it"),
    Rule("POST", f"{API}/tickets/{{ticket_id}}/complete", None, "plans:write", "the attempt's own token opens it"),
    Rule("POST", f"{API}/tickets/{{ticket_id}}/fail", None, "plans:write", "the attempt's own token opens it"),
    Rule("POST", f"{API}/compute/jobs", _A, "jobs:write", "runs the caller's code as the user of the cluster"),
    Rule("GET", f"{API}/compute/jobs", _O, "jobs:read", "names of files, and who failed why"),
    Rule("GET", f"{API}/compute/jobs/{{job_id}}", _O, "jobs:read", "what a script wrote and answered"),
    Rule("DELETE", f"{API}/compute/jobs/{{job_id}}", _O, "jobs:write", "interrupts what runs there"),
    Rule("PUT", f"{API}/workers", _O, "workers:write", "takes memory of this machine, or interrupts tasks"),
    Rule("GET", "/dask/{path:path}", _V, _READ, "Dask's own dashboard"),
    Rule(WEBSOCKET, "/dask/{path:path}", _V, _READ, "what its pages are fed through"),
    Rule("GET", "/dask-view/{ticket}/{path:path}", None, _READ, "the ticket in the path stands for a sign-in"),
    Rule(WEBSOCKET, "/dask-view/{ticket}/{path:path}", None, _READ, "as its page"),
    Rule("GET", f"{API}/users", _A, "users:read", "who may sign in, and when they did"),
    Rule("POST", f"{API}/users", _A, "users:write", "lets somebody in"),
    Rule("PATCH", f"{API}/users/{{user}}", _A, "users:write", "who could raise their own role would have every right"),
    Rule("POST", f"{API}/users/{{user}}/password", _A, "users:write", "whoever sets a password can be that person"),
    Rule("DELETE", f"{API}/users/{{user}}", _A, "users:write", "takes keys and sessions with it"),
    Rule("GET", f"{API}/users/{{user}}/sessions", _A, "users:read", "where somebody is signed in"),
    Rule("DELETE", f"{API}/users/{{user}}/sessions", _A, "users:write", "signs somebody out everywhere"),
    Rule("DELETE", f"{API}/users/{{user}}/sessions/{{session}}", _A, "users:write", "signs somebody out"),
    Rule("GET", f"{API}/auth/sessions", _V, "account:read", "one's own"),
    Rule("DELETE", f"{API}/auth/sessions", _V, "account:write", "one's own, but the one that asks"),
    Rule("DELETE", f"{API}/auth/sessions/{{session}}", _V, "account:write", "one's own"),
    Rule("GET", f"{API}/auth/second-factor", _V, "account:read", "one's own"),
    Rule("POST", f"{API}/auth/second-factor", _V, "account:write", "one's own, with the password"),
    Rule("POST", f"{API}/auth/second-factor/confirm", _V, "account:write", "one's own, with a code"),
    Rule("POST", f"{API}/auth/second-factor/off", _V, "account:write", "one's own, with the password and a code"),
    Rule("DELETE", f"{API}/users/{{user}}/second-factor", _A, "users:write", "weakens somebody's sign-in"),
    Rule("GET", f"{API}/audit", _A, "audit:read", "who did what"),
    Rule("GET", f"{API}/audit/export", _A, "audit:read", "all of it"),
    Rule("GET", f"{API}/program/updates", _V, _READ, "whether a newer version is there"),
    Rule("GET", f"{API}/program/doctor", _O, "doctor:read", "folders and addresses of the head"),
    Rule("GET", f"{API}/settings", _A, "settings:read", "addresses and folders of the head"),
    Rule("PATCH", f"{API}/settings", _A, "settings:write", "how everything here behaves, but not who gets in"),
    Rule("GET", f"{API}/settings/tls", _A, "settings:read", ""),
    Rule("GET", f"{API}/backups", _A, "backups:read", ""),
    Rule("POST", f"{API}/backups", _A, "backups:write", "reads all there is"),
    Rule("GET", f"{API}/backups/{{backup}}/file", _A, "backups:read", "everything, if sealed"),
    Rule("POST", f"{API}/backups/{{backup}}/verify", _A, "backups:write", ""),
    Rule("DELETE", f"{API}/backups/{{backup}}", _A, "backups:write", ""),
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
    Rule("POST", f"{API}/work/batch/{{verb}}", None, "tickets:work", "each item brings its attempt's own token"),
    Rule("POST", f"{API}/work/{{ticket_id}}/{{verb}}", None, "tickets:work", "the attempt's own token stands for it"),
    Rule("GET", f"{API}/incidents", _V, _READ, "what is wrong with how tickets get done; names no caller"),
    Rule("GET", f"{API}/tickets/{{ticket_id}}/logs", _U, "plans:read", "one's own; operators everybody's"),
    Rule("GET", f"{API}/slos", _V, "slo:read", ""),
    Rule("POST", f"{API}/slos", _O, "slo:write", "freezes may hang on it"),
    Rule("GET", f"{API}/slos/export", _V, "slo:read", ""),
    Rule("GET", f"{API}/slos/rules", _V, "slo:read", ""),
    Rule("POST", f"{API}/slos/import/openslo", _A, "slo:write", "may bring freeze policies"),
    Rule("POST", f"{API}/slos/import/alerts", _O, "slo:write", ""),
    Rule("GET", f"{API}/slos/{{slo_id}}", _V, "slo:read", ""),
    Rule("PUT", f"{API}/slos/{{slo_id}}", _O, "slo:write", "freezes may hang on it"),
    Rule("DELETE", f"{API}/slos/{{slo_id}}", _O, "slo:write", "forgets what was counted"),
    Rule("POST", f"{API}/slos/{{slo_id}}/test", _O, "slo:write", "may ask a Prometheus"),
    Rule("GET", f"{API}/slos/{{slo_id}}/rules", _V, "slo:read", ""),
    Rule("GET", f"{API}/budgets", _V, "slo:read", ""),
    Rule("GET", f"{API}/budgets/summary", _V, "slo:read", ""),
    Rule("GET", f"{API}/budgets/{{slo_id}}", _V, "slo:read", ""),
    Rule("POST", f"{API}/budgets/{{slo_id}}/recalculate", _O, "slo:write", "may ask a Prometheus"),
    Rule("GET", f"{API}/budgets/{{slo_id}}/history", _V, "slo:read", ""),
    Rule("GET", f"{API}/budgets/{{slo_id}}/burn-rate", _V, "slo:read", ""),
    Rule("GET", f"{API}/policies", _V, "slo:read", ""),
    Rule("POST", f"{API}/policies", _A, "freezes:write", "decides what operators may do"),
    Rule("GET", f"{API}/policies/freezes/active", _V, "slo:read", "why something is refused"),
    Rule("GET", f"{API}/policies/freezes/history", _V, "slo:read", ""),
    Rule("POST", f"{API}/policies/freezes/{{event_id}}/resolve", _A, "freezes:write", "ends a freeze by hand"),
    Rule("POST", f"{API}/policies/freezes/{{event_id}}/override", _A, "freezes:write", "lets frozen work through"),
    Rule("POST", f"{_OVERRIDES}/{{override_id}}/approve", _A, "freezes:write", "the second person who agrees"),
    Rule("GET", f"{API}/policies/{{policy_id}}", _V, "slo:read", ""),
    Rule("PUT", f"{API}/policies/{{policy_id}}", _A, "freezes:write", "decides what operators may do"),
    Rule("DELETE", f"{API}/policies/{{policy_id}}", _A, "freezes:write", "decides what operators may do"),
    Rule("POST", "/webhooks/alertmanager", None, "slo:write", "its own token in the header stands for a sign-in"),
    Rule("GET", f"{API}/silences", _V, "slo:read", "as the Alertmanager has them"),
    Rule("POST", f"{API}/silences", _O, "slo:write", "keeps alerts from people"),
    Rule("DELETE", f"{API}/silences/{{silence_id}}", _O, "slo:write", ""),
    Rule("GET", f"{API}/webhooks", _A, "webhooks:read", "addresses of receivers can be secrets"),
    Rule("POST", f"{API}/webhooks", _A, "webhooks:write", "tells somebody outside what happens here"),
    Rule("POST", f"{API}/webhooks/pipeline-completed", None, "webhooks:write", "the signature in it is the sign-in"),
    Rule("GET", f"{API}/webhooks/{{webhook}}", _A, "webhooks:read", ""),
    Rule("PATCH", f"{API}/webhooks/{{webhook}}", _A, "webhooks:write", ""),
    Rule("DELETE", f"{API}/webhooks/{{webhook}}", _A, "webhooks:write", ""),
    Rule("GET", f"{API}/webhooks/{{webhook}}/deliveries", _A, "webhooks:read", "what receivers answered"),
    Rule("POST", f"{API}/webhooks/{{webhook}}/redeliver", _A, "webhooks:write", ""),
    Rule("POST", f"{API}/webhooks/{{webhook}}/test", _A, "webhooks:write", "calls somebody outside"),
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
