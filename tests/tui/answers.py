"""What the API answers to screens that ask it for more than the snapshot: plain JSON values."""

from typing import Any

PINS = {"items": [{"model": "smollm2:135m", "node": "node-01", "by": "admin", "at": 1_790_000_000.0}]}
AT = 1_790_000_000.0


def plan(number: int, **changes: Any) -> dict[str, Any]:
    """A plan of ten tickets that is running."""
    return {
        "plan_id": f"plan-{number:04}",
        "name": f"nightly-{number}",
        "owner": "ana",
        "status": "running",
        "paused": False,
        "failure_policy": "CONTINUE",
        "deadline": None,
        "tickets": 10,
        "open_tickets": 4,
        "succeeded": 5,
        "failed": 1,
        "cancelled": 0,
        "steps": {},
        "error_code": "",
        "error_message": "",
        "replay_of": None,
        "correlation_id": "",
        "trace_id": "",
        "intent_id": "",
        "metadata": {},
        "hash": "",
        "revision": 1,
        "created_at": AT - 60 * number,
        "updated_at": AT,
        "started_at": AT - 60 * number,
        "finished_at": None,
        "can": ["cancel", "pause", "replay"],
    } | changes


def ticket(number: int, status: str = "running", **changes: Any) -> dict[str, Any]:
    """One of its tickets."""
    texts = ("intent_id", "decision_id", "correlation_id", "trace_id", "span_id", "description", "template_id")
    empty = dict.fromkeys((*texts, "webhook_url", "note", "error_code", "error_message", "idempotency_key"), "")
    return (
        empty
        | {
            "ticket_id": f"ticket-{number:04}",
            "plan_id": "plan-0001",
            "task_id": f"step-{number}",
            "task_type": "INFER",
            "status": status,
            "priority": "NORMAL",
            "risk_band": "medium",
            "security_level": "INTERNAL",
            "priority_score": 1.0,
            "sla": {"deadline": AT + 60, "timeout_ms": 1000, "max_retries": 3},
            "qos": {"delivery_mode": "AT_LEAST_ONCE", "consistency": "STRONG", "durability": "PERSISTENT"},
            "parameters": {},
            "required_capabilities": [],
            "resources": {},
            "allocated_agent_id": "worker-0" if status == "running" else "",
            "owner": "ana",
            "attempt": 1,
            "retry_count": 0,
            "losses": 0,
            "progress": 0.4 if status == "running" else 0.0,
            "cancel_requested": False,
            "estimated_duration_ms": None,
            "actual_duration_ms": None,
            "compensation": None,
            "result_uri": "",
            "result_sha256": "",
            "result_bytes": 0,
            "artefacts": [],
            "metadata": {},
            "preemptible": False,
            "idempotent": True,
            "created_at": AT - 60,
            "updated_at": AT,
            "started_at": AT - 30,
            "completed_at": None,
            "schema_version": 2,
            "hash": "",
            "revision": 1,
            "can": ["retry"] if status in {"failed", "dead"} else ["cancel"],
        }
        | changes
    )


def attempt(number: int, outcome: str, error: str = "") -> dict[str, Any]:
    times = {"leased_at": AT - 50, "started_at": AT - 45, "ended_at": AT - 40 if outcome else None}
    who = {"n": number, "agent_id": f"worker-{number % 2}", "undoes": False, "cost_class": "user"}
    return times | who | {"outcome": outcome, "error_code": "timeout" if error else "", "error": error}


PLANS = {
    "items": [
        plan(1),
        plan(2, status="succeeded", open_tickets=0, succeeded=10, failed=0, finished_at=AT - 10, can=["replay"]),
        plan(3, status="failed", open_tickets=0, failed=4, owner="rui", finished_at=AT, can=["replay"]),
        plan(4, paused=True, open_tickets=10, failed=0, can=["cancel", "resume"]),
    ],
    "next": "two",
}
DEAD = ticket(3, "dead", attempt=4, error_code="timeout", error_message="no answer after 60 s")
TICKETS = {
    "items": [
        ticket(1, "succeeded"),
        ticket(2, note="page 3 of 8"),
        DEAD,
        ticket(4, "waiting", attempt=0),
        ticket(5, "retrying", attempt=2, error_code="node_lost", error_message="node-03 is gone"),
        ticket(6, "frozen", attempt=0),
    ],
    "next": "",
}


def objective(slo_id: str, target: float, **changes: Any) -> dict[str, Any]:
    whole = {"slo_id": slo_id, "objective": {"name": slo_id, "target": target}, "created_at": AT, "updated_at": AT}
    return whole | changes


def budget(slo_id: str, remaining: float | None, burn: float | None, status: str) -> dict[str, Any]:
    window = {"window_seconds": 3600, "good": 90.0, "valid": 100.0, "burn_rate": burn}
    whole = {"slo_id": slo_id, "service_name": "gateway", "calculated_at": AT, "target": 0.99, "status": status}
    sli = None if remaining is None else 0.99 + remaining / 100
    return whole | {
        "sli_value": sli,
        "remaining": remaining,
        "burn_rates": [window],
        "violations": int((burn or 0) > 9),
    }


SLOS = {"items": [objective("calls", 0.99), objective("first-token", 0.95), objective("nodes", 0.999)]}
BUDGETS = {
    "items": [
        budget("calls", 0.82, 0.4, "HEALTHY"),
        budget("first-token", -0.2, 20.0, "EXHAUSTED"),
        budget("nodes", None, None, "NO_DATA"),
    ]
}
FREEZES = {
    "items": [
        {
            "event_id": "freeze-1",
            "policy_id": "no-pulls",
            "policy_name": "no pulls",
            "slo_id": "first-token",
            "scope": "GLOBAL",
            "actions": ["BLOCK_PULL", "BLOCK_UPDATE"],
            "triggered_at": AT - 600,
            "not_before": AT,
            "reason": "first-token has no budget left",
        }
    ]
}


def log_line(number: int, level: str, text: str, **fields: Any) -> dict[str, Any]:
    part = ("gateway", "backend", "worker-0")[number % 3]
    return {
        "number": number,
        "at": AT + number,
        "level": level,
        "part": part,
        "node": "",
        "text": text,
        "fields": fields,
    }


LOGS = {
    "items": [
        log_line(3, "error", "node-03 does not answer", node="node-03", code="unavailable"),
        log_line(2, "warning", "retrying at another node", attempt=2),
        log_line(1, "info", "a call came in", model="smollm2:135m"),
    ],
    "next": None,
}
DECISIONS = {
    "items": [
        {
            "request_id": "req-9",
            "age_seconds": 2.0,
            "model": "smollm2:135m",
            "node": "node-02",
            "candidates": [
                {"name": "node-02", "why": "resident", "score": {"queue": 0.0, "load": 0.12}},
                {"name": "node-01", "why": "has it on disk", "score": {"queue": 1.0, "load": 2.5}},
            ],
            "tried": {"node-03": "connection refused"},
        },
        {
            "request_id": "req-8",
            "age_seconds": 61.0,
            "model": "all-minilm:latest",
            "node": "",
            "candidates": [],
            "tried": {"node-03": "timed out"},
        },
    ]
}
MACHINES = {
    "items": [
        {
            "id": "m1",
            "name": "gpu-box",
            "state": state,
            "addresses": ["192.168.1.50"],
            "port": 8443,
            "joined_at": AT,
            "joined_by": "admin",
            "seen_seconds": 3.0,
            "certificate_until": AT,
            "inventory": {"hostname": "gpu-box"},
        }
        | {"id": state, "name": name}
        for state, name in (("healthy", "gpu-box"), ("away", "attic"))
    ]
}
EVENTS = [
    ("events", {"at": AT, "kind": "node.state", "subject": "node-03", "before": "healthy", "after": "down"}),
    ("ticket", {"id": "1", "type": "ticket.completed", "subject": "step-1", "at": AT + 2, "data": {"attempt": 2}}),
    ("plan", {"id": "2", "type": "plan.failed", "subject": "nightly-3", "at": AT + 3, "data": {"failed": 4}}),
]
"""Topic and message."""
ANSWERS: dict[str, Any] = {
    "/pins": PINS,
    "/plans": PLANS,
    "/gateway/decisions": DECISIONS,
    "/machines": MACHINES,
    "/slos": SLOS,
    "/budgets": BUDGETS,
    "/policies/freezes/active": FREEZES,
    "POST /budgets/calls/recalculate": BUDGETS["items"][0],
    "/logs": LOGS,
    "/plans?cursor=two": {"items": [plan(51)], "next": ""},
    "/plans/plan-0001": plan(1),
    "/tickets": TICKETS,
    **{f"/tickets/{one['ticket_id']}": one | {"depends_on": ["step-1", "step-2"]} for one in TICKETS["items"]},
    **{
        f"/tickets/{one['ticket_id']}/history": {
            "ticket_id": one["ticket_id"],
            "intact": True,
            "entries": [],
            "attempts": [attempt(1, "failed", "no answer after 60 s"), attempt(2, "lost"), attempt(3, "")],
        }
        for one in TICKETS["items"]
    },
    "POST /plans/plan-0001/cancel": plan(1, status="cancelling", can=[]),
    "POST /tickets/ticket-0003/retry": ticket(3, "ready"),
    "POST /models/smollm2:135m/load": {"items": [{"node": "node-02", "error": "", "code": ""}]},
}
"""By path, one answer each."""
