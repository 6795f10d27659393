"""What this head runs with. It is changed in the file at the machine itself."""

import asyncio
import time

from fastapi import APIRouter

from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from backend.settings_room import SettingsView, Told
from cluster_ai.core.errors import Unavailable
from cluster_ai.pki.facts import TlsView

router = APIRouter(route_class=PolicedRoute, tags=["settings"])


@router.get(f"{API}/settings")
async def settings(plane: ThePlane, _caller: TheCaller) -> SettingsView:
    """Every setting, where it came from and when a change is taken up. Secrets are three stars."""
    return await asyncio.to_thread(_told(plane.neighbours.told).view)


@router.get(f"{API}/settings/tls")
async def tls(plane: ThePlane, _caller: TheCaller) -> TlsView:
    """The authority and this head's certificate: names, fingerprints, ends, and whether one is due for renewal."""
    return await asyncio.to_thread(_told(plane.neighbours.told).tls, time.time())


def _told(found: Told | None) -> Told:
    if found is None:
        raise Unavailable("this process was started without settings", hint="cluster-ai config show")
    return found
