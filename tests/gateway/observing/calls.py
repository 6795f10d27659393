"""Calls that are over, made by hand."""

from typing import Any

from cluster_ai.gateway.served import Outcome, Served
from cluster_ai.keys.types import Priority


def served(**more: Any) -> Served:
    """A streamed chat that went well, except for what is said."""
    values: dict[str, Any] = {
        "request_id": "req-1",
        "key_id": "key-1",
        "caller": "ann",
        "model": "smollm2:135m",
        "path": "/api/chat",
        "stream": True,
        "priority": Priority.INTERACTIVE,
        "at": 1_700_000_000.0,
        "outcome": Outcome.DONE,
        "status": 200,
        "node": "n1",
        "answered_by": "smollm2:135m",
        "why": "resident, 0 in flight",
        "attempts": 1,
        "queue_seconds": 0.02,
        "ttft_seconds": 0.3,
        "total_seconds": 1.5,
        "prompt_tokens": 30,
        "output_tokens": 12,
        "gaps": [0.1] * 11,
    }
    return Served(**(values | more))
