"""Small real servers that take lines as Loki and Elasticsearch do, refuse what these would, and can be told to fail."""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.posted import Said, posted


@dataclass
class Receiver:
    """``fails``: statuses of the next answers, before it takes anything again."""

    url: str = ""
    lines: list[dict[str, Any]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    headers: list[dict[str, str]] = field(default_factory=list)
    fails: list[int] = field(default_factory=list)
    bulk_fails: list[int] = field(default_factory=list)
    calls: int = 0
    largest: int = 10**9

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        self.calls += 1
        self.headers.append(headers)
        if self.fails:
            return self.fails.pop(0), b"no"
        if len(body) > self.largest:
            return 413, b"too large"
        if path == "/loki/api/v1/push":
            return self.push(headers, body)
        if path == "/_bulk":
            return self.bulk(headers, body)
        return 404, b"no such place"

    def push(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        told = json.loads(body)
        if headers["content-type"] != "application/json" or told.keys() != {"streams"}:
            return 400, b"the body is no push"
        for stream in told["streams"]:
            if wrong := wrong_in(stream):
                return 400, wrong
            self.lines += [
                {"labels": stream["stream"], "at": int(stamp), **json.loads(line)} for stamp, line in stream["values"]
            ]
        return 204, b""

    def bulk(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if headers["content-type"] != "application/x-ndjson" or not body.endswith(b"\n"):
            return 400, b"ndjson that ends with a newline"
        rows = [json.loads(row) for row in body.split(b"\n")[:-1]]
        items = []
        for action, document in zip(rows[::2], rows[1::2], strict=True):
            (create,) = action.values()
            if action.keys() != {"create"} or create.keys() != {"_index", "_id"}:
                return 400, b"action"
            if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", document["@timestamp"]):
                return 400, b"@timestamp"
            status = self.bulk_fails.pop(0) if self.bulk_fails else 409 if create["_id"] in self.ids else 201
            if status == 201:
                self.ids.add(create["_id"])
                self.lines.append(document | {"index": create["_index"]})
            items.append(
                {
                    "create": {
                        "_id": create["_id"],
                        "status": status,
                        **({"error": {"type": "x"}} if status > 201 else {}),
                    }
                }
            )
        return 200, json.dumps(
            {"errors": any(item["create"]["status"] > 201 for item in items), "items": items}
        ).encode()


def wrong_in(stream: dict[str, Any]) -> bytes:
    if stream.keys() != {"stream", "values"} or not stream["stream"]:
        return b"a stream has labels and values"
    names = [re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name) for name in stream["stream"]]
    if not all(names) or not all(isinstance(value, str) for value in stream["stream"].values()):
        return b"labels"
    stamps = [value[0] for value in stream["values"]]
    if not all(isinstance(stamp, str) and re.fullmatch("[0-9]{19}", stamp) for stamp in stamps):
        return b"nanoseconds as a text"
    return b"" if stamps == sorted(stamps) else b"order"


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    found = Receiver()
    with posted(lambda post: Said(*found.take(post.path, post.headers, post.body))) as found.url:
        yield found
