"""Messages through Apprise, each by a process of its own.

The library brings a hundred and fifty services and 25 MB with it. It gets one message, one address and nothing of
ours: no secret lies in its environment, and what hangs is killed.
"""

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Final

from cluster_ai.core.processes import answer_of
from cluster_ai.core.wire import dump_json
from cluster_ai.notify.forms import Told
from cluster_ai.notify.guard import Guard
from cluster_ai.notify.services import Service, service_of
from cluster_ai.notify.types import Answer, TargetRefused

SECONDS: Final = 15.0
"""Longest attempt, half a second of which goes into the start."""
AT_ONCE: Final = 2
_CHILD: Final = (sys.executable, "-P", "-m", "cluster_ai.notify.push_child")
_KEPT: Final = frozenset({"PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"})
"""Of the environment. No proxy: what it would call nobody has looked at."""


@dataclass(frozen=True, slots=True)
class Pusher:
    """Hands messages to services. ``guard`` says where they may be."""

    guard: Guard
    seconds: float = SECONDS
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def __call__(self, url: str, address: str, message: Told) -> Answer:
        """How the service took ``message``; ``status`` is 200 when it did, since Apprise tells no more.

        Raises:
            TargetRefused: as ``service_of``: what may be called is looked up for each message.
        """
        service = service_of(url, address, self.guard)
        told = {"title": message.title, "text": message.text, "urgent": message.urgent}
        async with self._room:
            began = time.monotonic()
            said = await self._asked(service, address, told)
        ms = int((time.monotonic() - began) * 1000)
        error = str(said.get("error", ""))
        return Answer(ms=ms, error=error) if error else Answer(status=200, ms=ms, excerpt="taken")

    async def check(self, url: str, address: str) -> Service:
        """What the address leads to, when Apprise can read it, too; nothing is sent.

        Raises:
            TargetRefused: as ``service_of``, or Apprise cannot read it, or reads another host than we do.
        """
        return await self._checked(service_of(url, address, self.guard), address)

    async def _checked(self, service: Service, address: str) -> Service:
        async with self._room:
            said = await self._asked(service, address, {})
        if error := said.get("error"):
            raise TargetRefused(str(error), path="secret", values={"about": "malformed"})
        return service

    async def _asked(self, service: Service, address: str, message: dict[str, Any]) -> dict[str, Any]:
        order = {"address": address, "name": service.name, "host": service.host, "port": service.port} | message
        try:
            async with asyncio.timeout(self.seconds):
                said = await answer_of(_CHILD, env=_kept(), given=dump_json(order))
        except TimeoutError:
            return {"error": f"no answer within {self.seconds:g} s"}
        except OSError as exc:
            return {"error": f"the messenger could not be started: {exc.strerror}"}
        try:
            found = json.loads(said)
        except ValueError:
            found = None
        return found if isinstance(found, dict) else {"error": "the messenger ended without an answer"}


def _kept() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in _KEPT}
