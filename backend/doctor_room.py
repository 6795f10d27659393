"""The doctor over the API: what ``cluster-ai doctor`` finds on this head, looked at in a process of its own.

A thread would not do: one whose check hangs cannot be ended, and it would speak the language of this process.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import ValidationError

from cluster_ai.cli.bug_report import secrets_of
from cluster_ai.core.errors import Unavailable
from cluster_ai.core.i18n import Lang
from cluster_ai.core.paths import Home, default_home
from cluster_ai.core.processes import answer_of
from cluster_ai.core.wire import View
from cluster_ai.logs.masking import STARS, masked

COMMAND: Final = (sys.executable, "-P", "-m", "cluster_ai.cli.main", "doctor", "--json", "--lang")
SECONDS: Final = 30.0
KEPT_SECONDS: Final = 3.0
"""Who asks while somebody else's look is under way, or just over, gets what that found."""


class DoctorSilent(Unavailable):
    """The doctor did not end in time, or ended without findings."""

    code = "doctor_silent"


class FindingView(View):
    """``id``: what was looked at. ``evidence``: what was seen. ``fix``: who mends it, empty where nothing is wrong;
    ``command`` does, where one can.
    """

    id: str
    verdict: Literal["ok", "warning", "problem"]
    evidence: str
    hint: str = ""
    code: str = ""
    command: str = ""
    fix: Literal["", "safe", "asks", "by hand"] = ""


class DoctorView(View):
    """What was found on this head. ``at`` in Unix seconds; ``took`` in seconds."""

    at: float
    took: float
    version: str
    python: str
    system: str
    checks: tuple[FindingView, ...]


class Doctor:
    """One look at a time. Nothing is mended from here."""

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        command: Sequence[str] = COMMAND,
        seconds: float = SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._env = dict(env)
        self._command = tuple(command)
        self._seconds = seconds
        self._now = now
        self._one = asyncio.Lock()
        self._kept: dict[Lang, tuple[float, DoctorView]] = {}

    async def look(self, lang: Lang) -> DoctorView:
        """Its findings, in ``lang``.

        Raises:
            DoctorSilent: it did not end in time, or ended without findings.
        """
        async with self._one:
            until, view = self._kept.get(lang, (0.0, None))
            if view is None or time.monotonic() >= until:
                view = await self._looked(lang)
                self._kept[lang] = (time.monotonic() + KEPT_SECONDS, view)
        return view

    async def _looked(self, lang: Lang) -> DoctorView:
        at, began = self._now(), time.monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                said = await answer_of((*self._command, lang), env=self._env)
            told = await asyncio.to_thread(self._without_secrets, said)
            return DoctorView(at=at, took=time.monotonic() - began, **told)
        except TimeoutError as exc:
            raise DoctorSilent(f"the doctor did not end within {self._seconds:g} s", hint="cluster-ai doctor") from exc
        except (OSError, ValueError, TypeError, ValidationError) as exc:
            raise DoctorSilent("the doctor ended without findings", hint="cluster-ai doctor") from exc

    def _without_secrets(self, said: bytes) -> dict[str, Any]:
        """By their shape, and by the value of each that this head keeps. Paths and addresses stay: fixes need them."""
        found = masked(json.loads(said))
        text = json.dumps({name: found[name] for name in ("version", "python", "system", "checks") if name in found})
        for secret in sorted(secrets_of(Home(default_home(self._env))), key=len, reverse=True):
            text = text.replace(json.dumps(secret)[1:-1], STARS)
        told: dict[str, Any] = json.loads(text)
        return told


def here() -> Doctor:
    """Of the head that this process belongs to."""
    return Doctor(os.environ)
