"""Plans by the names that other programs have for them, how they do on the whole, and what a ticket is made of."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import Field

from backend.asked_work import ThisPlan, owner_of, reach
from backend.deeds import recorded
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.wire import StrictModel, View
from cluster_ai.plans import schemas, types

router = APIRouter(route_class=PolicedRoute, tags=["workflows"])


class Signal(StrictModel):
    """``ticket_completed`` asks whether that ticket has ended well; ``cancel_workflow`` cancels."""

    signal: Literal["ticket_completed", "cancel_workflow"]
    ticket_id: Annotated[str, Field(pattern=r"^[0-9a-f-]{1,36}$")] | None = None


class WorkflowStatus(View):
    """A plan in short. ``done`` counts what has ended, however."""

    workflow_id: str
    status: str
    total: int
    done: int
    failed: int


class Hours(StrictModel):
    hours: Annotated[float, Field(strict=False, gt=0, le=24 * 31)] = 24.0


class WorkflowTickets(View):
    tickets: tuple[types.TicketView, ...]


@router.get(f"{API}/workflows/{{plan_id}}")
async def workflow(plan_id: ThisPlan, plane: ThePlane, caller: TheCaller) -> WorkflowStatus:
    """How a plan stands."""
    return _status(await plane.work.reader.plan(plan_id, owner=reach(caller)))


@router.post(f"{API}/workflows/{{plan_id}}/signal")
async def signal(plan_id: ThisPlan, wanted: Signal, plane: ThePlane, caller: TheCaller) -> WorkflowStatus:
    """Tells a plan something. Workers report to their tickets: ``ticket_completed`` changes nothing here."""
    if wanted.signal == "ticket_completed":
        return await workflow(plan_id, plane, caller)
    async with recorded(plane, caller, action="cancel_plan", subject=plan_id):
        return _status(await plane.work.plans.cancel(plan_id, owner=reach(caller), by=owner_of(caller)))


@router.get(f"{API}/workflows/{{plan_id}}/query/get_status")
async def get_status(plan_id: ThisPlan, plane: ThePlane, caller: TheCaller) -> WorkflowStatus:
    """As ``/workflows/{plan_id}``."""
    return await workflow(plan_id, plane, caller)


@router.get(f"{API}/workflows/{{plan_id}}/query/get_tickets")
async def get_tickets(plan_id: ThisPlan, plane: ThePlane, caller: TheCaller) -> WorkflowTickets:
    """Its first 200 tickets; ``/plans/{plan_id}/tickets`` has pages."""
    page = await plane.work.reader.tickets({"plan_id": plan_id}, owner=reach(caller), limit=200)
    return WorkflowTickets(tickets=page.items)


@router.get(f"{API}/flow-c/status")
async def flow(wanted: Annotated[Hours, Query()], plane: ThePlane, _caller: TheCaller) -> types.FlowStatus:
    """How plans did that ended in the last hours, from the database."""
    return await plane.work.reader.flow(wanted.hours)


@router.get(f"{API}/schemas/{{name}}")
async def schema(name: Annotated[schemas.SchemaName, Path()], _caller: TheCaller) -> dict[str, Any]:
    """What tickets and plans are made of, for other programs: JSON Schema, or Avro's."""
    return schemas.published(name)


def _status(plan: types.PlanView) -> WorkflowStatus:
    return WorkflowStatus(
        workflow_id=plan.plan_id,
        status=plan.status.value,
        total=plan.tickets,
        done=plan.tickets - plan.open_tickets,
        failed=plan.failed,
    )
