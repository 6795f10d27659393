"""Backups of this head: made, looked at, taken away. Restoring is for the machine itself, while nothing runs."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import FileResponse, Response

from backend.backups_room import opened
from backend.deeds import recorded
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.wire import View
from cluster_ai.ops.types import BackupView

router = APIRouter(route_class=PolicedRoute, tags=["backups"])

SEALED = "application/octet-stream"
ThisBackup = Annotated[str, Path(pattern=r"^[A-Za-z0-9.-]{1,80}$")]


class Backups(View):
    items: tuple[BackupView, ...]


@router.get(f"{API}/backups")
async def backups(plane: ThePlane, _caller: TheCaller) -> Backups:
    """Every one, the newest first."""
    return Backups(items=await opened(plane.backups).all())


@router.post(f"{API}/backups", status_code=201)
async def create(plane: ThePlane, caller: TheCaller) -> BackupView:
    """Makes one, and answers when it was restored for a trial and was the same."""
    async with recorded(plane, caller, action="create_backup", subject=""):
        return await opened(plane.backups).create()


@router.get(
    f"{API}/backups/{{backup}}/file",
    response_class=Response,
    responses={
        200: {"content": {SEALED: {"schema": {"type": "string", "format": "binary"}}}, "description": "The file."}
    },
)
async def file(backup: ThisBackup, plane: ThePlane, caller: TheCaller) -> Response:
    """The file, sealed as it is; its key stays here."""
    async with recorded(plane, caller, action="download_backup", subject=backup):
        path = await opened(plane.backups).path(backup)
    return FileResponse(path, media_type=SEALED, filename=backup)


@router.post(f"{API}/backups/{{backup}}/verify")
async def verify(backup: ThisBackup, plane: ThePlane, caller: TheCaller) -> BackupView:
    """Restores it for a trial once more, and compares."""
    async with recorded(plane, caller, action="verify_backup", subject=backup):
        return await opened(plane.backups).verify(backup)


@router.delete(f"{API}/backups/{{backup}}", status_code=204)
async def remove(backup: ThisBackup, plane: ThePlane, caller: TheCaller) -> None:
    """Removes it for good."""
    async with recorded(plane, caller, action="remove_backup", subject=backup):
        await opened(plane.backups).remove(backup)
