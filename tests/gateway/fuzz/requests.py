"""Requests of every kind of wrong, as bytes: of numbers, texts, JSON, names, headers, framing and paths."""

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from tests.fakes.raw import MODEL

INFERENCE = (
    *("/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/api/show"),
    *("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"),
    *("/v1/messages", "/v1/messages/count_tokens"),
)
LISTS = ("/api/tags", "/api/ps", "/api/version", "/v1/models", f"/v1/models/{MODEL}", "/", "/health", "/metrics")
MANAGING = ("/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete", "/api/blobs/sha256:00", "/api/status")
OURS = ("/-/state", "/-/decisions", "/-/ready", "/-/reload")
ODD_PATHS = (
    *("//api/tags", "/api/../api/tags", "/api/%2e%2e/tags", "/api/tags%00", "/api/chat/", "/API/CHAT", "/v1/", "/%"),
    *("/api/tags?x=" + "y" * 900, "/api/blobs/sha256-..%2f..%2fetc", "/api/blobs/", "/v1/models/%ff%fe", "/\u00e9"),
    *("*", "http://127.0.0.1/api/tags", "127.0.0.1:80", "api/tags", "", "/" + "a" * 4000, "/;/?#[]@!$&'()*+,="),
)
NAMES = (
    *(MODEL, "smollm2:135M", "all-minilm", "no-such:1b", "../../etc/passwd", "sha256-..%2f", "registry.evil/x", "a b"),
    *("new\nline", "-flag", "x" * 10_240, "a:b:c", "/", ":", "", "\u202egnp.elif", "é", "e\u0301", "model\u0000"),
)


class Raw(str):
    """A piece of JSON as it stands, which no encoder would write."""

    __slots__ = ()


NUMBERS = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "-0", "-0.0", str(2**63), str(2**70), str(-(2**63))),
    *("9" * 5000, "1" + "0" * 400, "0.1e1", "00", "+1", "1.", ".5", "0x10", "1_000"),
)
TEXTS = (
    *('"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"\\u202e\\u2066"', '"\\ufeff"', '"\\x"', '"\\u12"', '"\t"'),
    *('"' + "a" * 100_000 + '"', '"\\ud83d\\ude00"', "'a'", '"a'),
)
DEEP = ("[" * 70 + "]" * 70, '{"a":' * 65 + "1" + "}" * 65, "[" * 100_000)
raws = st.sampled_from([*NUMBERS, *TEXTS, *DEEP, "true", "nul", "undefined", "{}", "[]", ",", "/**/1"]).map(Raw)
plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["user", "assistant", "system", "tool", "json", "text", "auto", "7", "yes", *NAMES])
)
KEYS = (
    *("role", "content", "type", "text", "name", "input", "function", "arguments", "parameters", "properties", "$ref"),
    *("id", "image_url", "url", "source", "data", "media_type", "tool_use_id", "tool_calls", "thinking", "images"),
)
values = st.recursive(
    plain | raws,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip
FIELDS = (
    *("model", "messages", "prompt", "stream", "options", "format", "keep_alive", "tools", "tool_choice", "max_tokens"),
    *("input", "system", "stop", "n", "seed", "suffix", "raw", "template", "context", "images", "think", "logprobs"),
    *("stream_options", "response_format", "temperature", "top_p", "metadata", "instructions", "name", "truncate"),
    *("num_ctx", "max_completion_tokens", "parallel_tool_calls", "reasoning", "verbose", "insecure", "files", "from"),
)
good = st.fixed_dictionaries(
    {"model": st.sampled_from(NAMES[:3]), "messages": st.just([{"role": "user", "content": "hi"}])},
    optional={"prompt": st.just("hi"), "input": st.just("hi"), "max_tokens": st.just(5), "stream": st.booleans()},
)
changes = st.dictionaries(st.sampled_from(FIELDS), values | st.sampled_from(NAMES), max_size=4)


def dumped(value: Any) -> str:
    """JSON, with the raw pieces as they are."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{dumped(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumped, value)) + "]"
    return json.dumps(value)


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


chats = st.tuples(good, changes).map(lambda pair: encoded(dumped({**pair[0], **pair[1]})))
twisted = st.tuples(chats, st.sampled_from([b"", b" ", b"\xef\xbb\xbf", b"[", b"{}"]), st.sampled_from([b"", b"\n", b"x", b"{}", b"\x00", b"]"])).map(
    lambda parts: parts[1] + parts[0] + parts[2]
)  # fmt: skip
cut = st.tuples(chats, st.floats(0, 1)).map(lambda pair: pair[0][: int(len(pair[0]) * pair[1])])
valid = good.map(dumped).map(encoded)
bodies = (
    valid
    | chats
    | chats
    | twisted
    | cut
    | values.map(dumped).map(encoded)
    | st.binary(max_size=40)
    | st.sampled_from([b"", b'{"model":"smollm2:135m","model":"x"}', b'{"%b":1}' % (b"k" * 1_000_000), b'{"model":"\xff"}'])
)  # fmt: skip

printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20)
HEADERS = {
    "X-Cluster-Node": ("", "fake-0", "fake-1,fake-0", "nobody", "all", ",,", "\xff", "fake-0;x"),
    "X-Request-Timeout": ("", "0", "-1", "nan", "inf", "1e9", "0.2", "5", "soon", "9" * 400),
    "X-Cluster-Task": ("", "title_generation", "x" * 500),
    "X-OpenWebUI-Chat-Id": ("", "c", "\xff" * 40),
    "X-OpenWebUI-User-Id": ("u",),
    "X-OpenWebUI-User-Jwt": ("a.b.c", "", "eyJhbGciOiJub25lIn0.e30."),
    "X-Request-Id": ("", "id", "x" * 300, "\xff", "a b"),
    "traceparent": ("", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "junk"),
    "tracestate": ("a=b", "," * 300),
    "Authorization": ("", "Bearer", "Bearer x", "Basic eDp5", "Bearer " + "x" * 4000),
    "x-api-key": ("", "x", "\xff"),
    "Content-Type": ("", "text/plain", "application/json", "multipart/form-data; boundary=" + "x" * 100, "*/*;q=\xff"),
    "Content-Encoding": ("gzip", "identity", "zstd"),
    "Accept": ("*/*", "text/event-stream", "\xff"),
    "Expect": ("100-continue", "nonsense"),
    "Origin": ("http://evil.test", "null", "http://127.0.0.1", "\xff"),
    "Cookie": ("a=b; " * 50,),
    "Range": ("bytes=0-" + ",0-" * 50,),
    "X-HTTP-Method-Override": ("DELETE",),
    "Upgrade": ("websocket", "h2c"),
    "anthropic-version": ("2023-06-01", "", "never"),
}
headers = st.lists(
    st.sampled_from(sorted(HEADERS)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(HEADERS[name]) | printable)
    ),
    max_size=4,
)
odd_methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "POSTE"])


@dataclass(frozen=True)
class Request:
    """``chunks``: sizes of the chunks of its body; none: it has a Content-Length. ``cuts``: where writes end."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    chunks: tuple[int, ...] = ()
    cuts: tuple[float, ...] = ()

    @property
    def raw(self) -> bytes:
        rows = [f"{self.method} {self.path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
        rows += [f"{name}: {value}" for name, value in self.headers]
        rows.append("Transfer-Encoding: chunked" if self.chunks else f"Content-Length: {len(self.body)}")
        head = "\r\n".join(rows).encode("utf-8" if self.path == "/\u00e9" else "latin-1", "replace")
        return head + b"\r\n\r\n" + (b"".join(self._chunked()) if self.chunks else self.body)

    def _chunked(self) -> list[bytes]:
        parts, at = [], 0
        while at < len(self.body):
            size = self.chunks[len(parts) % len(self.chunks)]
            parts.append(self.body[at : at + size])
            at += size
        return [b"%x\r\n%b\r\n" % (len(part), part) for part in parts] + [b"0\r\n\r\n"]

    @property
    def pieces(self) -> list[bytes]:
        """As it is written."""
        raw = self.raw
        places = sorted({int(len(raw) * cut) for cut in self.cuts} | {0, len(raw)})
        return [raw[start:end] for start, end in pairwise(places)]


def requests(*paths: str, method: str = "POST") -> st.SearchStrategy[Request]:
    """``method``: the one of most of them."""
    usual = st.just(method)
    return st.builds(
        Request,
        method=st.integers(0, 7).flatmap(lambda drawn: usual if drawn else odd_methods),
        path=st.sampled_from(paths),
        headers=headers.map(tuple),
        body=bodies,
        chunks=st.just(()) | st.lists(st.sampled_from([1000, 7, 100_000, 64]), min_size=1, max_size=3).map(tuple),
        cuts=st.just(()) | st.lists(st.floats(0, 1), max_size=4).map(tuple),
    )


WEBSOCKET = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
FRAMINGS = (
    b"POST /api/chat HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    b"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -2\r\n\r\n{}",
    b"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0x2\r\n\r\n{}",
    b"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
    b"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    b"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
    b"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"POST /api/chat HTTP/1.1\r\nHost : 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /api/chat HTTP/1.1\r\n\r\n",
    b"POST /api/chat HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
    b"POST /api/chat\r\n\r\n",
    b"GET /api/tags HTTP/1.1\r\nHost: evil.test\r\n\r\n",
    b"GET /api/tags HTTP/1.1\r\nHost: 127.0.0.1/?@#\r\n\r\n",
    b"GET /api/tags HTTP/1.1\r\nHost: 127.0.0.1\r\n continued: x\r\n\r\n",
    b"GET /api/tags HTTP/1.1\r\nHost: 127.0.0.1\nX: y\n\n",
    b"GET /api/tags HTTP/1.1\r\nHost: 127.0.0.1\r\nX\x00: y\r\n\r\n",
    b"GET /api/tags HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 40_000 + b"\r\n\r\n",
    b"GET /api/tags HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
    b"GET /api/tags HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
    WEBSOCKET,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(150),
    b"\r\n\r\n\r\n",
    b"GET\x00/ HTTP/1.1\r\n\r\n",
)
"""What no client library would send."""
