"""What a stranger's first bytes tell of the service behind them. Pure; every byte may be hostile."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.wire import parse_json
from cluster_ai.nodes.discovery.types import Kind, Service, plain

MOST_MODELS: Final = 64
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])[ \r]")
_TITLE: Final = re.compile(rb"<title[^>]{0,100}>([^<]{0,300})", re.IGNORECASE)
_VERSION: Final = re.compile(r"[0-9][0-9A-Za-z.+_-]{0,30}")
_TLS_ALERT: Final = b"\x15\x03"
_MYSQL: Final = 10
_GREETINGS: Final = (
    (b"RFB ", Kind.OTHER, "VNC"),
    (b"220", Kind.OTHER, "FTP or mail"),
    (b"* OK", Kind.OTHER, "IMAP"),
    (b"+OK", Kind.OTHER, "POP3"),
    (b"AMQP", Kind.OTHER, "AMQP"),
)
_DATABASE_ANSWERS: Final = (
    (b"-ERR", "Redis"),
    (b"-DENIED", "Redis"),
    (b"-NOAUTH", "Redis"),
    (b"+PONG", "Redis"),
    (b"ERROR\r\n", "memcached"),
)


@dataclass(frozen=True, slots=True)
class Http:
    """An answer over HTTP, as much of it as was read."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_json(self) -> bool:
        return "json" in self.headers.get("content-type", "")

    def json(self) -> Any:
        """The body's value; None when it is none."""
        try:
            return parse_json(self.body)
        except InvalidInput:
            return None

    def fields(self) -> Mapping[str, Any]:
        """The body's object; empty when it is none."""
        value = self.json()
        return value if isinstance(value, dict) else {}


def http(raw: bytes) -> Http | None:
    """An answer taken apart; None when it is not HTTP."""
    found = _STATUS.match(raw)
    if found is None:
        return None
    head, _, body = raw.partition(b"\r\n\r\n")
    headers: dict[str, str] = {}
    for line in head.split(b"\r\n")[1:101]:
        name, _, value = line.partition(b":")
        headers.setdefault(name.strip().lower().decode("latin-1"), value.strip().decode("latin-1"))
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = _unchunked(body)
    return Http(int(found[1]), headers, body)


def greeting(port: int, raw: bytes) -> Service | None:
    """A service that speaks first, by its first words."""
    if raw.startswith(b"SSH-"):
        words = plain(raw.partition(b"\n")[0].decode("latin-1"))
        version, _, system = words.removeprefix("SSH-2.0-").removeprefix("SSH-1.99-").partition(" ")
        return Service(port=port, kind=Kind.SSH, name=plain(system), version=version)
    if len(raw) > 5 and raw[3] == 0 and raw[4] == _MYSQL:  # noqa: PLR2004 - length, number, protocol
        version = plain(raw[5:].partition(b"\0")[0].decode("latin-1"), 30)
        return Service(port=port, kind=Kind.DATABASE, name="MySQL", version=version)
    for start, kind, name in _GREETINGS:
        if raw.startswith(start):
            return Service(port=port, kind=kind, name=name)
    return None


def answer(port: int, raw: bytes) -> Service | None:
    """A service that does not speak HTTP, by what it says to an HTTP request."""
    for start, name in _DATABASE_ANSWERS:
        if raw.startswith(start):
            return Service(port=port, kind=Kind.DATABASE, name=name)
    return None


def wants_tls(raw: bytes) -> bool:
    """Whether this is how a server under TLS takes plain HTTP."""
    return raw.startswith(_TLS_ALERT) or b"HTTPS" in raw[:600] or b"HTTP request to an HTTP" in raw[:600]


def page(port: int, found: Http) -> Service:
    """A service by its first page alone."""
    if b"trying to access MongoDB over HTTP" in found.body[:200]:
        return Service(port=port, kind=Kind.DATABASE, name="MongoDB")
    if found.is_json:
        fields = found.fields()
        if isinstance(fields.get("cluster_name"), str) and "tagline" in fields:
            return Service(port=port, kind=Kind.DATABASE, name="Elasticsearch", version=_number(fields, "version"))
        return Service(port=port, kind=Kind.API, name=_server(found))
    title = _TITLE.search(found.body)
    if title is not None and b"html" in found.body[:2000].lower():
        name = plain(title[1].decode("utf-8", "replace"))
        kind = Kind.CLUSTER_HEAD if name == "Cluster AI" else Kind.WEB
        return Service(port=port, kind=kind, name=name)
    kind = Kind.WEB if "html" in found.headers.get("content-type", "") else Kind.API
    return Service(port=port, kind=kind, name=_server(found))


def ollama(port: int, version: Http | None, tags: Http | None) -> Service:
    """Ollama, with its version and what it has."""
    told = version.fields().get("version", "") if version else ""
    listed = tags.fields().get("models") if tags else None
    models = _named(listed, "name") if isinstance(listed, list) else ()
    return Service(port=port, kind=Kind.OLLAMA, name="Ollama", version=_version(told), models=models)


def openai(port: int, told: Http | None) -> Service | None:
    """A server of OpenAI's API, by its list of models."""
    fields = told.fields() if told is not None and told.status == 200 else {}  # noqa: PLR2004
    listed = fields.get("data")
    if told is None or fields.get("object") != "list" or not isinstance(listed, list):
        return None
    return Service(port=port, kind=Kind.OPENAI, name=_server(told), models=_named(listed, "id"))


def agent(port: int, card: Http | None) -> Service | None:
    """An agent, by the card that it shows."""
    fields = card.fields() if card is not None and card.status == 200 else {}  # noqa: PLR2004
    name = fields.get("name")
    if not isinstance(name, str) or not ({"skills", "capabilities"} & fields.keys()):
        return None
    return Service(port=port, kind=Kind.AGENT, name=plain(name), version=_version(fields.get("version", "")))


def mcp(port: int, told: Http | None) -> Service | None:
    """A server of tools, by how it answers a greeting; that may come as one event of a stream."""
    if told is None or told.status != 200:  # noqa: PLR2004
        return None
    value = told.fields()
    if "event-stream" in told.headers.get("content-type", ""):
        lines = [line[5:].strip() for line in told.body.splitlines() if line.startswith(b"data:")]
        value = Http(200, {}, lines[0]).fields() if lines else {}
    result = value.get("result")
    info = result.get("serverInfo") if isinstance(result, dict) else None
    if not isinstance(info, dict) or value.get("jsonrpc") != "2.0":
        return None
    return Service(port=port, kind=Kind.MCP, name=plain(info.get("name", "")), version=_version(info.get("version")))


def described(port: int, openapi: Http | None) -> Service | None:
    """An API, by its own description."""
    info = openapi.fields().get("info") if openapi is not None and openapi.status == 200 else None  # noqa: PLR2004
    if not isinstance(info, dict):
        return None
    return Service(port=port, kind=Kind.API, name=plain(info.get("title", "")), version=_version(info.get("version")))


def greet_mcp() -> bytes:
    """What one says first to a server of tools."""
    params = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "cluster-ai-discovery", "version": "1"},
    }
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode()


def _named(rows: list[Any], field: str) -> tuple[str, ...]:
    names = [one.get(field) for one in rows if isinstance(one, dict)]
    return tuple(plain(name) for name in names[:MOST_MODELS] if isinstance(name, str))


def _server(found: Http) -> str:
    return plain(found.headers.get("server", ""))


def _version(told: object) -> str:
    found = _VERSION.match(told) if isinstance(told, str) else None
    return found[0] if found else ""


def _number(fields: Mapping[str, Any], name: str) -> str:
    inner = fields.get(name)
    return _version(inner.get("number")) if isinstance(inner, dict) else ""


def _unchunked(body: bytes) -> bytes:
    """The chunks that are whole, or begun, put together."""
    parts = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        try:
            length = int(size.partition(b";")[0][:8], 16)
        except ValueError:
            break
        if length <= 0:
            break
        parts.append(rest[:length])
        body = rest[length + 2 :]
    return b"".join(parts)
