"""What is asked of a machine itself, at its own door: its logs, and commands run there."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import Response

from backend.deeds import noting
from backend.policy import API
from backend.relay import NDJSON
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.wire import StrictModel, Text
from cluster_ai.nodes.types import NodeName

router = APIRouter(route_class=PolicedRoute, tags=["machines"])

ThisMachine = Annotated[NodeName, Path()]
Part = Annotated[str, Query(max_length=64, pattern=r"^[a-z0-9-]*$")]
Lines = Annotated[int, Query(ge=0, le=10_000)]
Word = Annotated[Text, Field(max_length=4096)]
STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {NDJSON: {"schema": {"type": "object"}}}, "description": "Records, one a line."}
}


class Command(StrictModel):
    """A program and its arguments; no shell reads them. ``timeout`` in seconds."""

    argv: Annotated[tuple[Word, ...], Field(min_length=1, max_length=1024, strict=False)]
    timeout: Annotated[float, Field(gt=0, le=3600)] = 60.0


@router.get(f"{API}/machines/{{name}}/logs", response_class=Response, responses=STREAM)
async def logs(
    name: ThisMachine, plane: ThePlane, _caller: TheCaller, *, part: Part = "", lines: Lines = 20, follow: bool = False
) -> Response:
    """Last lines of the logs of one part, or of all, and with ``follow`` what comes, until the caller leaves."""
    return plane.rooms.members.at_doors().logs(name, part=part, lines=lines, follow=follow)


@router.post(f"{API}/machines/{{name}}/exec", response_class=Response, responses=STREAM)
async def execute(name: ThisMachine, command: Command, plane: ThePlane, caller: TheCaller) -> Response:
    """Runs a command on a machine that allows it. It ends, with all that it started, when the caller leaves."""
    note = noting(plane, caller, action="exec_machine", subject=f"{name}: {' '.join(command.argv)}")
    return plane.rooms.members.at_doors().execute(name, command.model_dump(mode="json"), note=note)
