"""What can go wrong with a call, in our own error classes: RFC 9457 bodies and the HTTP library's exceptions."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx2
from pydantic import ValidationError

from cluster_ai.client.plain import plain
from cluster_ai.core import errors
from cluster_ai.core.errors import ClusterError, InvalidInput, Unavailable

START_HINT: Final = "./manager.sh start"
_LONGEST_TEXT = 2000

_BY_STATUS: Final[Mapping[int, type[ClusterError]]] = {
    400: InvalidInput,
    401: errors.Unauthenticated,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.Unsupported,
    409: errors.Conflict,
    413: InvalidInput,
    415: InvalidInput,
    422: InvalidInput,
    429: Unavailable,
    501: errors.Unsupported,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
_KINDS: Final[tuple[type[ClusterError], ...]] = (*dict.fromkeys(_BY_STATUS.values()), errors.Misconfigured)
_BY_CODE: Final[Mapping[str, type[ClusterError]]] = {kind.code: kind for kind in _KINDS}


def problem(status: int, body: bytes, headers: Mapping[str, str]) -> ClusterError:
    """The error that an answer of ``status`` stands for, with the server's own code, sentence and hint."""
    said = _object(body)
    code = _text(said, "code")
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status) or ClusterError
    message = _text(said, "detail") or _text(said, "title") or f"the API answered {status}"
    error = _made(kind, message, said=said, headers=headers)
    error.values = _values(said)
    return error.coded(code)


def line_error(line: Mapping[str, Any]) -> ClusterError | None:
    """The error that a line of a stream carries after the status 200 was sent; None when it carries none."""
    said = line.get("error")
    if said is None:
        return None
    if isinstance(said, dict):
        said = said.get("message") or said.get("detail")
    words = plain(str(said))[:_LONGEST_TEXT] or "the stream broke off"
    return Unavailable(words, hint=_text(line, "hint"), values=_values(line)).coded(_text(line, "code"))


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Raises our classes for whatever the HTTP library or the parser raises inside.

    Raises:
        Unavailable: nobody listens at ``url``, it is silent for too long, or what answers is not this API.
        InvalidInput: ``url`` is not an address.
    """
    try:
        yield
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as exc:
        raise InvalidInput(f"{url!r} is not an address: {exc}", path="url", values=_about("address", url)) from exc
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as exc:
        raise Unavailable(f"no cluster answers at {url}", hint=START_HINT, values=_about("nobody", url)) from exc
    except httpx2.TimeoutException as exc:
        raise Unavailable(f"{url} did not answer in time", hint="cluster-ai diag", values=_about("late", url)) from exc
    except (httpx2.TransportError, httpx2.StreamError, httpx2.DecodingError) as exc:
        raise Unavailable(f"the connection to {url} broke: {str(exc) or type(exc).__name__}") from exc
    except ValidationError as exc:
        raise Unavailable(
            f"what answers at {url} is not this API, or another version of it ({exc.error_count()} differences)",
            hint="cluster-ai version",
            values=_about("stranger", url),
        ) from exc


def _about(what: str, url: str) -> dict[str, str]:
    return {"about": what, "url": url}


def _made(
    kind: type[ClusterError], message: str, *, said: Mapping[str, Any], headers: Mapping[str, str]
) -> ClusterError:
    hint = _text(said, "hint")
    if issubclass(kind, Unavailable):
        return kind(message, hint=hint, retry_after=_seconds(headers.get("retry-after", "")))
    if issubclass(kind, InvalidInput):
        path, reason = _first_field(said)
        return kind(f"{message}: {reason}" if reason and reason not in message else message, path=path, hint=hint)
    return kind(message, hint=hint)


def _first_field(said: Mapping[str, Any]) -> tuple[str, str]:
    """Path and message of the first field that was refused."""
    fields = said.get("errors")
    if isinstance(fields, list) and fields and isinstance(fields[0], dict):
        return _text(fields[0], "path"), _text(fields[0], "message")
    return "", ""


def _values(said: Mapping[str, Any]) -> Mapping[str, str]:
    found = said.get("values")
    rows = found.items() if isinstance(found, dict) else ()
    return {name: plain(value)[:_LONGEST_TEXT] for name, value in rows if isinstance(value, str)}


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _text(said: Mapping[str, Any], key: str) -> str:
    value = said.get(key)
    return plain(value)[:_LONGEST_TEXT] if isinstance(value, str) else ""


def _seconds(text: str) -> float:
    return float(text) if text.isdecimal() else 1.0
