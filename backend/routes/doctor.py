"""What is wrong on this head, from what that is known, and what mends it."""

from typing import Annotated

from fastapi import APIRouter, Query

from backend.doctor_room import Doctor, DoctorView
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.errors import Unavailable
from cluster_ai.core.i18n import Lang

router = APIRouter(route_class=PolicedRoute, tags=["doctor"])


@router.get(f"{API}/program/doctor")
async def program_doctor(plane: ThePlane, _caller: TheCaller, lang: Annotated[Lang, Query()] = "en") -> DoctorView:
    """What `cluster-ai doctor` finds on this head, in the language `lang`. Looks anew; mends nothing."""
    return await _doctor(plane.neighbours.doctor).look(lang)


def _doctor(found: Doctor | None) -> Doctor:
    if found is None:
        raise Unavailable("there is no doctor here", hint="cluster-ai doctor")
    return found
