"""Plans: submitted, watched, steered, done once more."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from backend.asked_work import Cursor, IdempotencyKey, ThisPlan, ThisTicket, etag, owner_of, reach, refuse_mending
from backend.deeds import recorded
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.wire import Name, StrictModel, View
from cluster_ai.plans import types
from cluster_ai.plans.words import PlanState

router = APIRouter(route_class=PolicedRoute, tags=["plans"])


class PlanFilters(StrictModel):
    status: Annotated[PlanState, Field(strict=False)] | None = None
    cursor: Cursor = ""
    limit: Annotated[int, Field(strict=False, ge=1, le=200)] = 50


class Paging(StrictModel):
    cursor: Cursor = ""
    limit: Annotated[int, Field(strict=False, ge=1, le=200)] = 50


class CancelWork(StrictModel):
    within_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Seconds that what runs has to stop; then it counts as cancelled, and its result is refused."""


class Replay(StrictModel):
    start: Name | None = None
    """Name or id of the ticket from which on all is done again; what did not succeed when None."""


class Verified(View):
    """``tickets``: how many there are, with all that happened to them as it was sealed."""

    tickets: int


@router.post(f"{API}/plans", status_code=201, responses={200: {"model": types.Accepted}})
async def submit(
    wanted: types.NewPlan,
    plane: ThePlane,
    caller: TheCaller,
    response: Response,
    key: IdempotencyKey = None,
) -> types.Accepted:
    """Accepts a plan; when this answers it is on disk. The same body under the same key gives the first plan again."""
    refuse_mending(wanted, caller)
    asked = wanted if key is None else wanted.model_copy(update={"idempotency_key": key})
    async with recorded(plane, caller, action="submit_plan", subject=wanted.name):
        accepted = await plane.work.plans.submit(asked, owner=owner_of(caller))
    response.status_code = 201 if accepted.is_first else 200
    return accepted


@router.post(f"{API}/plan-checks")
async def check(wanted: types.NewPlan, plane: ThePlane, caller: TheCaller) -> types.Validated:
    """What would be refused is refused, and nothing is stored."""
    refuse_mending(wanted, caller)
    return await plane.work.plans.validate(wanted)


@router.get(f"{API}/plans")
async def plans(filters: Annotated[PlanFilters, Query()], plane: ThePlane, caller: TheCaller) -> types.PlanPage:
    """The caller's plans, the newest first; operators see everybody's."""
    return await plane.work.reader.plans(
        owner=reach(caller), status=filters.status, cursor=filters.cursor, limit=filters.limit
    )


@router.get(f"{API}/plans/{{plan_id}}")
async def plan(plan_id: ThisPlan, plane: ThePlane, caller: TheCaller, response: Response) -> types.PlanView:
    """One of them."""
    found = await plane.work.reader.plan(plan_id, owner=reach(caller))
    response.headers["ETag"] = etag(found.revision)
    return found


@router.get(f"{API}/plans/{{plan_id}}/tickets")
async def tickets(
    plan_id: ThisPlan, paging: Annotated[Paging, Query()], plane: ThePlane, caller: TheCaller
) -> types.TicketPage:
    """Its tickets, in an order in which nothing comes before what it depends on."""
    wanted = {"plan_id": plan_id}
    return await plane.work.reader.tickets(wanted, owner=reach(caller), cursor=paging.cursor, limit=paging.limit)


@router.get(f"{API}/plans/{{plan_id}}/graph")
async def graph(plan_id: ThisPlan, plane: ThePlane, caller: TheCaller) -> types.GraphView:
    """What waits for what, and the way that takes longest."""
    return await plane.work.reader.graph(plan_id, owner=reach(caller))


@router.get(f"{API}/plans/{{plan_id}}/verify")
async def verify(plan_id: ThisPlan, plane: ThePlane, caller: TheCaller) -> Verified:
    """Checks the seals of all that happened, and every result."""
    return Verified(tickets=await plane.work.reader.verify(plan_id, owner=reach(caller)))


@router.post(f"{API}/plans/{{plan_id}}/cancel")
async def cancel(
    plan_id: ThisPlan, plane: ThePlane, caller: TheCaller, wanted: CancelWork | None = None
) -> types.PlanView:
    """Cancels what has not begun, and asks what runs to stop."""
    within = (wanted or CancelWork()).within_s
    async with recorded(plane, caller, action="cancel_plan", subject=plan_id):
        return await plane.work.plans.cancel(
            plan_id, owner=reach(caller), by=owner_of(caller), within=within
        )  # fmt: skip


@router.post(f"{API}/plans/{{plan_id}}/pause")
async def pause(plan_id: ThisPlan, plane: ThePlane, caller: TheCaller) -> types.PlanView:
    """Gives no ticket of it away any more; those that run go on."""
    async with recorded(plane, caller, action="pause_plan", subject=plan_id):
        return await plane.work.plans.pause(plan_id, owner=reach(caller), by=owner_of(caller))


@router.post(f"{API}/plans/{{plan_id}}/resume")
async def resume(plan_id: ThisPlan, plane: ThePlane, caller: TheCaller) -> types.PlanView:
    """Goes on with it, or begins it."""
    async with recorded(plane, caller, action="resume_plan", subject=plan_id):
        return await plane.work.plans.resume(plan_id, owner=reach(caller), by=owner_of(caller))


@router.post(f"{API}/plans/{{plan_id}}/replay", status_code=201)
async def replay(plan_id: ThisPlan, plane: ThePlane, caller: TheCaller, wanted: Replay | None = None) -> types.Accepted:
    """The plan once more, as a new one; what succeeded and need not be done again is taken over."""
    start = wanted.start if wanted else None
    async with recorded(plane, caller, action="replay_plan", subject=plan_id):
        return await plane.work.plans.replay(plan_id, owner=reach(caller), by=owner_of(caller), start=start)


@router.delete(f"{API}/plans/{{plan_id}}", status_code=204)
async def forget(plan_id: ThisPlan, plane: ThePlane, caller: TheCaller) -> None:
    """Forgets a plan that has ended, with its tickets, their history and their results."""
    async with recorded(plane, caller, action="forget_plan", subject=plan_id):
        await plane.work.plans.remove(plan_id, owner=reach(caller))


@router.get(f"{API}/tickets/by-plan/{{plan_id}}")
async def by_plan(
    plan_id: ThisTicket, paging: Annotated[Paging, Query()], plane: ThePlane, caller: TheCaller
) -> types.TicketPage:
    """As ``/plans/{plan_id}/tickets``."""
    return await tickets(plan_id, paging, plane, caller)
