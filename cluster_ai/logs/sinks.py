"""How lines are told to other log stores: what is sent, and what an answer means. Pure.

Loki: ``POST /loki/api/v1/push`` with ``{"streams": [{"stream": {labels}, "values": [[nanoseconds, line]]}]}``; 204 when
taken. Elasticsearch and OpenSearch: ``POST /_bulk`` with an action and a document in turns, one JSON object a line; 200
with a verdict for each. Both as their projects document their HTTP API.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Final, Protocol

import orjson

from cluster_ai.logs.types import LogLine, LogsSettings

_OK: Final = 300
_TOO_LARGE: Final = 413
_TOO_MANY: Final = 429
_CONFLICT: Final = 409
_CLIENT: Final = range(400, 500)
_SETTINGS: Final = frozenset({401, 403, 404, 405, 407, 408, _TOO_MANY})
"""Client errors that say nothing against the lines: somebody mends a setting, or it is tried again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, a POST."""

    url: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a batch. ``again``: all of it must be sent once more, ``smaller`` in two halves.

    ``refused`` lines will never be taken, for the ``reason``.
    """

    again: bool = False
    smaller: bool = False
    refused: int = 0
    reason: str = ""


class Sink(Protocol):
    """A log store elsewhere."""

    @property
    def name(self) -> str: ...

    def ask(self, lines: Sequence[LogLine], *, store: str) -> Asked:
        """What is sent for ``lines``; ``store`` is the name of ours, part of each line's identity there."""

    def verdict(self, status: int, body: bytes, *, lines: int) -> Verdict:
        """What the answer to that means."""


def sinks_of(settings: LogsSettings) -> tuple[Sink, ...]:
    """Those that somebody configured."""
    found: list[Sink] = []
    if settings.loki_url:
        token = settings.loki_token.get_secret_value() if settings.loki_token else ""
        found.append(Loki(str(settings.loki_url), tenant=settings.loki_tenant or "", token=token))
    if settings.elasticsearch_url:
        key = settings.elasticsearch_key.get_secret_value() if settings.elasticsearch_key else ""
        found.append(Elasticsearch(str(settings.elasticsearch_url), index=settings.elasticsearch_index, key=key))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Loki:
    """Labels are few and bounded (part, node, level); all else stands in the line, as JSON."""

    url: str
    tenant: str = ""
    token: str = field(default="", repr=False)
    name: str = "loki"

    def ask(self, lines: Sequence[LogLine], *, store: str) -> Asked:
        def labels(line: LogLine) -> tuple[str, str, str]:
            return line.part, line.node, line.level

        streams = [
            {
                "stream": {"service_name": "cluster-ai", "part": part, "node": node, "level": level, "store": store},
                "values": [[_nanoseconds(line), _told(line)] for line in sorted(of, key=lambda one: one.at)],
            }
            for (part, node, level), of in groupby(sorted(lines, key=labels), labels)
        ]
        headers = {"Content-Type": "application/json"}
        headers |= {"X-Scope-OrgID": self.tenant} if self.tenant else {}
        headers |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return Asked(f"{self.url.rstrip('/')}/loki/api/v1/push", orjson.dumps({"streams": streams}), headers)

    def verdict(self, status: int, body: bytes, *, lines: int) -> Verdict:
        return _of_status(status, body, lines=lines)


@dataclass(frozen=True, slots=True)
class Elasticsearch:
    """Each line is created under an id of its own: one that is sent again is there already, and nothing more."""

    url: str
    index: str
    key: str = field(default="", repr=False)
    name: str = "elasticsearch"

    def ask(self, lines: Sequence[LogLine], *, store: str) -> Asked:
        rows: list[bytes] = []
        for line in lines:
            action = {"create": {"_index": self.index, "_id": f"{store}-{line.number}"}}
            stamp = datetime.fromtimestamp(line.at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
            told = {"@timestamp": stamp, "message": line.text, "log": {"level": line.level}}
            told |= {"service": {"name": line.part}, "host": {"name": line.node}, "cluster_ai": _flat(line)}
            rows += (orjson.dumps(action), orjson.dumps(told))
        headers = {"Content-Type": "application/x-ndjson"}
        headers |= {"Authorization": f"ApiKey {self.key}"} if self.key else {}
        return Asked(f"{self.url.rstrip('/')}/_bulk", b"\n".join([*rows, b""]), headers)

    def verdict(self, status: int, body: bytes, *, lines: int) -> Verdict:
        if status >= _OK:
            return _of_status(status, body, lines=lines)
        try:
            items = [next(iter(item.values())) for item in orjson.loads(body)["items"]]
            bad = [item for item in items if int(item["status"]) >= _OK and int(item["status"]) != _CONFLICT]
            # Some have no room just now: those that were taken are known by their ids when they come again.
            again = any(int(item["status"]) not in _CLIENT or int(item["status"]) in _SETTINGS for item in bad)
            reason = str(bad[0].get("error", bad[0]["status"]))[:200] if bad else ""
        except (ValueError, KeyError, TypeError, StopIteration, AttributeError):
            return Verdict(again=True, reason="the answer is not that of a bulk request")
        return Verdict(again=again, refused=0 if again else len(bad), reason=reason)


def _of_status(status: int, body: bytes, *, lines: int) -> Verdict:
    if status < _OK:
        return Verdict()
    reason = f"HTTP {status}: {body[:200].decode('utf-8', errors='replace')}"
    if status == _TOO_LARGE:
        alone = lines == 1
        return Verdict(again=not alone, smaller=not alone, refused=int(alone), reason=reason)
    if status in _CLIENT and status not in _SETTINGS:
        return Verdict(refused=lines, reason=reason)
    return Verdict(again=True, reason=reason)


def _nanoseconds(line: LogLine) -> str:
    # Microseconds are exact in a float of today; its nanoseconds are not.
    return f"{round(line.at * 1e6)}000"


def _told(line: LogLine) -> str:
    return orjson.dumps({"event": line.text, "number": line.number, **_unshadowed(line)}).decode()


def _unshadowed(line: LogLine) -> dict[str, object]:
    return {key: value for key, value in line.fields.items() if key not in {"event", "number"}}


def _flat(line: LogLine) -> dict[str, str]:
    """Fields as texts: two lines may have one of the same name and another kind, which a mapping would refuse."""
    return {
        key.replace(".", "_"): value if isinstance(value, str) else orjson.dumps(value).decode()
        for key, value in line.fields.items()
    }
