"""A model into memory, and out of it, as the engine of this machine does it."""

from collections.abc import Callable
from typing import Annotated, Any, Final

import aiohttp
from pydantic import Field

from cluster_ai.core.addresses import origin
from cluster_ai.core.bodies import read_up_to
from cluster_ai.core.errors import InvalidInput, NotFound, Unavailable, Unsupported
from cluster_ai.core.wire import ModelName, StrictModel, parse_object
from cluster_ai.node_agent.api.asked import Asked

LOAD_SECONDS: Final = 900.0
"""A large model comes from a slow disk."""
LARGEST: Final = 1024 * 1024
_GOOD: Final = 200
_MISSING: Final = 404
_EMBEDS_ONLY: Final = "does not support"
"""Ollama, asked to write with a model that cannot."""

Engine = Callable[[], tuple[str, int] | None]
"""Host and port of what serves models now."""


class Load(StrictModel):
    """``POST /-/load``. Without ``keep_alive`` the engine's own habit holds; -1 keeps it for ever. Seconds."""

    model: ModelName
    keep_alive: Annotated[float, Field(ge=-1, le=31_536_000)] | None = None


class Unload(StrictModel):
    """``POST /-/unload``"""

    model: ModelName


class Loading:
    """Answers ``{"status": "success"}`` when it is done."""

    def __init__(self, session: aiohttp.ClientSession, engine: Engine) -> None:
        self._session = session
        self._engine = engine

    async def load(self, asked: Asked) -> None:
        wish = await asked.body(Load)
        await self._ask(wish.model, {} if wish.keep_alive is None else {"keep_alive": wish.keep_alive})
        await asked.say({"status": "success"})

    async def unload(self, asked: Asked) -> None:
        wish = await asked.body(Unload)
        await self._ask(wish.model, {"keep_alive": 0})
        await asked.say({"status": "success"})

    async def _ask(self, model: str, more: dict[str, Any]) -> None:
        """An empty question loads a model, or lets it go.

        Raises:
            NotFound: the engine does not have it.
            Unsupported: the engine cannot do that.
            Unavailable: no engine serves here, or it fails.
        """
        status, error = await self._post("/api/generate", {"model": model, "stream": False, **more})
        if status != _GOOD and _EMBEDS_ONLY in error:
            status, error = await self._post("/api/embed", {"model": model, "input": "", **more})
        if status == _GOOD:
            return
        if status == _MISSING:
            raise NotFound(error or f"{model} is not here", values={"about": "model", "name": model})
        if status < 500:  # noqa: PLR2004 - 4xx is the caller's
            raise Unsupported(error or f"the engine answered {status}")
        raise Unavailable(error or f"the engine answered {status}")

    async def _post(self, path: str, body: dict[str, Any]) -> tuple[int, str]:
        """Status and error of the answer."""
        place = self._engine()
        if place is None:
            raise Unavailable("nothing serves models on this machine now")
        limits = aiohttp.ClientTimeout(total=LOAD_SECONDS, connect=5.0)
        try:
            async with self._session.post(
                origin(*place) + path, json=body, timeout=limits, allow_redirects=False
            ) as told:
                text = await read_up_to(told.content, LARGEST)
                return told.status, _error_in(text)
        except (TimeoutError, aiohttp.ClientError, OSError) as exc:
            why = str(exc) or type(exc).__name__
            raise Unavailable(f"the engine of this machine does not answer: {why}") from exc


def _error_in(text: bytes) -> str:
    try:
        return str(parse_object(text).get("error", ""))[:500]
    except InvalidInput:
        return ""
