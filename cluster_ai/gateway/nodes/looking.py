"""One look at a node: what it says of itself, as far as it can be believed."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.wire import INT64_MAX, parse_object
from cluster_ai.gateway.nodes.picture import Picture
from cluster_ai.gateway.routing import full_name
from cluster_ai.gateway.types import ModelView

ANSWER_SECONDS: Final = 2.0
LARGEST_ANSWER: Final = 16 * 1024 * 1024
MOST_SLOTS: Final = 1024
_OK: Final = 200


class BadNode(Exception):
    """What answers there does not speak Ollama's API."""


async def look(session: aiohttp.ClientSession, url: str) -> Picture:
    """One round of questions to a node.

    Raises:
        BadNode, aiohttp.ClientError, TimeoutError: it is not well.
    """
    async with asyncio.timeout(ANSWER_SECONDS):
        version = await _get(session, f"{url}/api/version")
        records = _records(await _get(session, f"{url}/api/tags"))
        in_memory = _records(await _get(session, f"{url}/api/ps"))
    resident = {full_name(str(record["name"])): record for record in in_memory}
    models = tuple(_model(record, resident) for record in records)
    return Picture(_text(version.get("version")), models, tags=records, loaded=in_memory)


async def _get(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url, allow_redirects=False) as response:
        if response.status != _OK:
            raise BadNode(f"{response.url.path} answered {response.status}")
        body = await _read(response)
    try:
        return parse_object(body)
    except InvalidInput as exc:
        raise BadNode(f"{response.url.path}: {exc.message}") from exc


async def _read(response: aiohttp.ClientResponse) -> bytes:
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST_ANSWER:
            raise BadNode(f"{response.url.path} says more than {LARGEST_ANSWER >> 20} MiB")
    return b"".join(chunks)


def _records(answer: Mapping[str, Any]) -> tuple[Mapping[str, object], ...]:
    rows = answer.get("models")
    if not isinstance(rows, list):
        return ()
    return tuple(row for row in rows if isinstance(row, dict) and isinstance(row.get("name"), str) and row["name"])


def _model(record: Mapping[str, object], resident: Mapping[str, Mapping[str, object]]) -> ModelView:
    details = record.get("details")
    details = details if isinstance(details, dict) else {}
    size = record.get("size")
    capabilities = record.get("capabilities")
    return ModelView(
        name=str(record["name"]),
        digest=_text(record.get("digest")),
        size=size if isinstance(size, int) and 0 <= size <= INT64_MAX else 0,
        family=_text(details.get("family")),
        parameter_size=_text(details.get("parameter_size")),
        quantization=_text(details.get("quantization_level")),
        capabilities=tuple(map(str, capabilities)) if isinstance(capabilities, list) else (),
        loaded=full_name(str(record["name"])) in resident,
        context_length=_count(resident.get(full_name(str(record["name"])), {}), "context_length"),
        slots=min(MOST_SLOTS, _count(resident.get(full_name(str(record["name"])), {}), "slots")),
    )


def _count(record: Mapping[str, object], name: str) -> int:
    value = record.get(name)
    return value if isinstance(value, int) and 0 <= value <= INT64_MAX else 0


def _text(value: object) -> str:
    return value[:256] if isinstance(value, str) else ""
