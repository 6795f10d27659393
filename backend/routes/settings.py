"""What this head runs with, and what of it is changed from afar."""

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, JsonValue, StringConstraints

from backend.asked_work import IfMatch
from backend.deeds import recorded
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from backend.settings_room import SettingsView, Told
from cluster_ai.core.errors import Unavailable
from cluster_ai.core.wire import StrictModel
from cluster_ai.pki.facts import TlsView

router = APIRouter(route_class=PolicedRoute, tags=["settings"])


class NewSettings(StrictModel):
    """``changes``: settings by their dotted names, each with what it is to be; null takes it back to its default."""

    changes: dict[Annotated[str, StringConstraints(max_length=80)], JsonValue] = Field(min_length=1, max_length=200)


@router.get(f"{API}/settings")
async def settings(plane: ThePlane, _caller: TheCaller) -> SettingsView:
    """Every setting, where it came from and when a change is taken up. Secrets are three stars."""
    return await asyncio.to_thread(_told(plane.neighbours.told).view)


@router.patch(f"{API}/settings")
async def change(wanted: NewSettings, plane: ThePlane, caller: TheCaller, if_match: IfMatch = None) -> SettingsView:
    """Changes some, all of them or none; with If-Match only if the file is as the caller saw it (``revision``).

    Settings that say who gets in, where things lie or what runs as whom are changed at the machine itself.
    """
    told = _told(plane.neighbours.told)
    seen = None if if_match is None else if_match.strip().strip('"')
    async with recorded(plane, caller, action="change_settings", subject=" ".join(wanted.changes)[:200]):
        await asyncio.to_thread(told.change, wanted.changes, seen=None if seen == "*" else seen)
    return await asyncio.to_thread(told.view)


@router.get(f"{API}/settings/tls")
async def tls(plane: ThePlane, _caller: TheCaller) -> TlsView:
    """The authority and this head's certificate: names, fingerprints, ends, and whether one is due for renewal."""
    return await asyncio.to_thread(_told(plane.neighbours.told).tls, time.time())


def _told(found: Told | None) -> Told:
    if found is None:
        raise Unavailable("this process was started without settings", hint="cluster-ai config show")
    return found
