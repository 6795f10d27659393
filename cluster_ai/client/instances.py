"""Calls about the registry's instances, and what keeps a lease alive. Pure: both clients carry them out."""

import random
from typing import Any
from urllib.parse import quote

from cluster_ai.client.calls import API, Call, Listing, nothing
from cluster_ai.client.live import Reconnect
from cluster_ai.core.errors import ClusterError
from cluster_ai.registry.types import (
    Change,
    Instance,
    Query,
    Ranked,
    Registration,
    Renewal,
    Renewed,
    Telemetry,
    UnknownInstance,
)

ROOT = f"{API}/registry"
BEATS_A_LEASE = 3
_LEAST_PATIENCE = 0.5


def register(wanted: Registration, *, seconds: float = 10.0) -> Call[Instance]:
    body = wanted.model_dump(mode="json", exclude_none=True)
    return Call("POST", f"{ROOT}/instances", Instance.model_validate_json, body=body, seconds=seconds)


def renew(instance_id: str, said: Renewal, *, seconds: float = 10.0) -> Call[Renewed]:
    body = said.model_dump(mode="json", exclude_none=True)
    return Call("PUT", f"{_at(instance_id)}/heartbeat", Renewed.model_validate_json, body=body, seconds=seconds)


def deregister(instance_id: str, *, seconds: float = 10.0) -> Call[Instance]:
    return Call("DELETE", _at(instance_id), Instance.model_validate_json, seconds=seconds)


def get(instance_id: str) -> Call[Instance]:
    return Call("GET", _at(instance_id), Instance.model_validate_json)


def listed(query: Query) -> Call[tuple[Instance, ...]]:
    """All that fit; ``top`` and ``near`` mean nothing here."""
    words = {
        "kind": query.kind or "",
        "capability": sorted(query.capabilities),
        "label": sorted(query.labels),
        "state": sorted(query.states),
        "node_id": query.node_id,
        "text": query.text,
    }
    given: dict[str, Any] = {name: value for name, value in words.items() if value}
    read = lambda body: Listing[Instance].model_validate_json(body).items  # noqa: E731
    return Call("GET", f"{ROOT}/instances", read, query=given)


def discover(query: Query) -> Call[tuple[Ranked, ...]]:
    """The best first."""
    body = query.model_dump(mode="json", exclude_none=True)
    read = lambda found: Listing[Ranked].model_validate_json(found).items  # noqa: E731
    return Call("POST", f"{ROOT}/discover", read, body=body)


def mark(instance_id: str, *, ok: bool) -> Call[None]:
    """How a call to it went."""
    return Call("POST", f"{_at(instance_id)}/marks", nothing, body={"ok": ok})


def watch(*, kind: str, after: str, seconds: float) -> Call[Change]:
    """A stream of lines. ``seconds``: its longest silence."""
    query = {name: value for name, value in (("kind", kind), ("after", after)) if value}
    return Call("GET", f"{ROOT}/watch", Change.model_validate_json, query=query, seconds=seconds)


class Lease:
    """An instance that is kept alive: what to send next, and when. Set ``telemetry`` and ``well`` at any time."""

    def __init__(self, wanted: Registration, instance: Instance, *, rng: random.Random) -> None:
        self.instance = instance
        self.telemetry: Telemetry | None = None
        self.well = True
        self.trouble: ClusterError | None = None
        """Why the last beat failed; None when it did not."""
        # Whatever happens it comes back under the id by which others know it.
        self._wanted = wanted.model_copy(update={"id": instance.id})
        self._is_forgotten = False
        self._failures = 0
        self._rng = rng

    @property
    def beat_seconds(self) -> float:
        return self.instance.lease_seconds / BEATS_A_LEASE

    def pause(self) -> float:
        """Seconds until the next beat; after a failure it comes sooner, and then less and less often."""
        if self.trouble is None:
            return self.beat_seconds
        again = Reconnect(first=self.beat_seconds / 4, cap=max(self.beat_seconds, 5.0))
        return again.pause(self._failures - 1, self._rng)

    def beat(self) -> Call[Any]:
        """The next call: a sign of life, or a new registration when the registry has forgotten this one."""
        patience = max(_LEAST_PATIENCE, self.beat_seconds)
        if self._is_forgotten:
            wanted = self._wanted.model_copy(update={"telemetry": self.telemetry or self._wanted.telemetry})
            return register(wanted, seconds=patience)
        return renew(self.instance.id, Renewal(telemetry=self.telemetry, well=self.well), seconds=patience)

    def heard(self, answer: Instance | Renewed) -> None:
        """The registry took it."""
        self.trouble, self._failures = None, 0
        self._is_forgotten = False
        if isinstance(answer, Instance):
            self.instance = answer
        else:
            self.instance = self.instance.model_copy(
                update={"state": answer.state, "lease_seconds": answer.lease_seconds}
            )

    def missed(self, trouble: ClusterError) -> None:
        """It did not."""
        self.trouble = trouble
        self._failures += 1
        self._is_forgotten = self._is_forgotten or trouble.code == UnknownInstance.code

    @property
    def must_register_at_once(self) -> bool:
        """The registry answers and does not know it: there is nothing to wait for."""
        return self._is_forgotten and self.trouble is not None and self.trouble.code == UnknownInstance.code


def _at(instance_id: str) -> str:
    return f"{ROOT}/instances/{quote(instance_id, safe='')}"
