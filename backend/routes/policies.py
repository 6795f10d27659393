"""Freeze policies, and the freezes that they made."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from backend.deeds import recorded
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.wire import View
from cluster_ai.slo.tables import Page
from cluster_ai.slo.types import FreezePolicy, FreezeView, NewOverride, NewPolicy, PolicyView, Resolve, SloId

router = APIRouter(route_class=PolicedRoute, tags=["slo"])

ThisPolicy = Annotated[SloId, Path()]
ThisFreeze = Annotated[str, Path(pattern=r"^[0-9a-f-]{1,36}$")]
ThisOverride = Annotated[str, Path(pattern=r"^[0-9a-f-]{1,36}$")]
Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str, Query(max_length=63, pattern=r"^[a-z0-9-]*$")]


class PolicyList(View):
    """``next`` is the ``cursor`` of the page that follows; None on the last."""

    items: tuple[PolicyView, ...]
    next: str | None = None


class FreezeList(View):
    items: tuple[FreezeView, ...]
    next: str | None = None


@router.get(f"{API}/policies")
async def policies(plane: ThePlane, _caller: TheCaller, limit: Limit = 100, cursor: Cursor = "") -> PolicyList:
    """When budgets forbid risky work, and what."""
    items = await plane.slo.room.desk.policies.all(Page(limit, cursor))
    return PolicyList(items=items, next=items[-1].policy_id if len(items) == limit else None)


@router.post(f"{API}/policies", status_code=201)
async def create(wanted: NewPolicy, plane: ThePlane, caller: TheCaller) -> PolicyView:
    """A new one; it holds from the next evaluation on."""
    async with recorded(plane, caller, action="create_policy", subject=wanted.policy_id or wanted.name):
        made = await plane.slo.room.desk.policies.create(wanted)
    await plane.slo.room.evaluate()
    return made


# Before the paths with an id, which would swallow them.


@router.get(f"{API}/policies/freezes/active")
async def active(plane: ThePlane, _caller: TheCaller) -> FreezeList:
    """What is frozen now, and why."""
    return FreezeList(items=await plane.slo.room.freezes.active())


@router.get(f"{API}/policies/freezes/history")
async def history(
    plane: ThePlane,
    _caller: TheCaller,
    limit: Limit = 100,
    cursor: Cursor = "",
    slo_id: Annotated[str, Query(max_length=63)] = "",
) -> FreezeList:
    """All freezes, the newest first: why, when and by whom."""
    items = await plane.slo.room.freezes.history(Page(limit, cursor), slo_id=slo_id)
    return FreezeList(items=items, next=items[-1].event_id if len(items) == limit else None)


@router.post(f"{API}/policies/freezes/{{event_id}}/resolve")
async def resolve(event_id: ThisFreeze, wanted: Resolve, plane: ThePlane, caller: TheCaller) -> FreezeView:
    """Ends a freeze by hand. One of the whole cluster is lifted by an override only."""
    subject = f"{event_id}: {wanted.reason}"[:200]
    async with recorded(plane, caller, action="resolve_freeze", subject=subject):
        return await plane.slo.room.freezes.resolve(event_id, wanted.reason, by=caller.principal.name)


@router.post(f"{API}/policies/freezes/{{event_id}}/override")
async def override(event_id: ThisFreeze, wanted: NewOverride, plane: ThePlane, caller: TheCaller) -> FreezeView:
    """Lets frozen work through for some minutes; for a freeze of the whole cluster once a second person agreed."""
    subject = f"{event_id} for {wanted.minutes} min: {wanted.reason}"[:200]
    async with recorded(plane, caller, action="override_freeze", subject=subject):
        return await plane.slo.room.freezes.override(event_id, wanted, by=caller.principal.name)


@router.post(f"{API}/policies/freezes/{{event_id}}/override/{{override_id}}/approve")
async def approve(event_id: ThisFreeze, override_id: ThisOverride, plane: ThePlane, caller: TheCaller) -> FreezeView:
    """Agrees to somebody else's override."""
    async with recorded(plane, caller, action="approve_override", subject=f"{event_id} {override_id}"):
        return await plane.slo.room.freezes.approve(event_id, override_id, by=caller.principal.name)


@router.get(f"{API}/policies/{{policy_id}}")
async def policy(policy_id: ThisPolicy, plane: ThePlane, _caller: TheCaller) -> PolicyView:
    """One of them."""
    return await plane.slo.room.desk.policies.get(policy_id)


@router.put(f"{API}/policies/{{policy_id}}")
async def change(policy_id: ThisPolicy, wanted: FreezePolicy, plane: ThePlane, caller: TheCaller) -> PolicyView:
    """Puts another in its place; a freeze that holds stays as it began."""
    async with recorded(plane, caller, action="change_policy", subject=policy_id):
        made = await plane.slo.room.desk.policies.change(policy_id, wanted)
    await plane.slo.room.evaluate()
    return made


@router.delete(f"{API}/policies/{{policy_id}}", status_code=204)
async def remove(policy_id: ThisPolicy, plane: ThePlane, caller: TheCaller) -> None:
    """Takes it back; its freezes end."""
    async with recorded(plane, caller, action="delete_policy", subject=policy_id):
        await plane.slo.room.desk.policies.remove(policy_id)
    await plane.slo.room.evaluate()
