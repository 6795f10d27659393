"""What each model can, as its node says in ``/api/show``: a list of models does not tell everywhere.

Tools are offered to every model by clients such as Open WebUI, and Ollama refuses the whole request when the model has
none. Weights do not change under a digest, so each is asked about once.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

import aiohttp

from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.wire import parse_object
from cluster_ai.gateway.types import ModelView

ASKED_AT_ONCE: Final = 8
"""Models asked about in one look at a node: a node with hundreds is not held up by the first."""
ASK_SECONDS: Final = 1.0
LOOKS_TO_REST: Final = 30
"""After a node did not answer this, so that one that hangs here is still looked at in time."""
LARGEST_ANSWER: Final = 4 * 1024 * 1024
"""``/api/show`` tells the licence and the template, too."""
MOST_KNOWN: Final = 10_000
_OK: Final = 200
_FAILS: Final = 500


class Abilities:
    """Remembers by weights, for all nodes of a gateway."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, ...]] = {}
        # By address of the node: looks in which it is left alone.
        self._rests: dict[str, int] = {}

    async def told(
        self, session: aiohttp.ClientSession, url: str, models: Iterable[ModelView]
    ) -> tuple[ModelView, ...]:
        """The models with what they can, as far as it is known; never fails.

        ``url``: of the node's API, without a path.
        """
        models = tuple(models)
        await self._ask(session, url, [model for model in models if self._is_news(model)][:ASKED_AT_ONCE])
        return tuple(self._with(model) for model in models)

    def _is_news(self, model: ModelView) -> bool:
        return not model.capabilities and model.digest != "" and model.digest not in self._known

    def _with(self, model: ModelView) -> ModelView:
        known = self._known.get(model.digest, ())
        return model.model_copy(update={"capabilities": known}) if known and not model.capabilities else model

    async def _ask(self, session: aiohttp.ClientSession, url: str, models: list[ModelView]) -> None:
        if models and (rests := self._rests.pop(url, 0)):
            self._rests[url] = rests - 1
            return
        try:
            async with asyncio.timeout(ASK_SECONDS):
                for model in models:
                    self._learn(model.digest, await _show(session, url, model.name))
        except (aiohttp.ClientError, OSError, InvalidInput):
            self._rests[url] = LOOKS_TO_REST

    def _learn(self, digest: str, capabilities: tuple[str, ...]) -> None:
        if len(self._known) >= MOST_KNOWN:
            self._known.pop(next(iter(self._known)))
        self._known[digest] = capabilities


async def _show(session: aiohttp.ClientSession, url: str, name: str) -> tuple[str, ...]:
    """What the node says that the model can; empty when it says nothing of it, as old ones do."""
    body = bytearray()
    async with session.post(f"{url}/api/show", json={"model": name}, allow_redirects=False) as answer:
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > LARGEST_ANSWER:
                return ()
        if answer.status >= _FAILS:
            answer.raise_for_status()
        if answer.status != _OK:
            return ()
    found = parse_object(bytes(body)).get("capabilities")
    return tuple(word[:64] for word in found if isinstance(word, str)) if isinstance(found, list) else ()
