"""The machines' door of a running API: the fleet and the software behind it, and all that goes on meanwhile."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from backend.machines.door import BODY_BYTES, MachinesDoor
from backend.machines.enlisting import Enlisting
from backend.machines.files import software_served
from backend.machines.listening import Place, open_to_machines
from backend.machines.office import Office
from backend.machines.tending import tended
from backend.plane import Plane
from cluster_ai.settings import Settings


@asynccontextmanager
async def machines_served(plane: Plane, settings: Settings) -> AsyncIterator[None]:
    """Machines can join and report while the block runs. Raises as ``open_to_machines``."""
    bind, members = settings.machines.bind, plane.rooms.members
    assert bind is not None, "the caller has looked"
    enlisting = Enlisting(plane.registry, settings.machines.dead_seconds)
    members.fleet.told.append(enlisting.told)
    members.fleet.gone.append(enlisting.gone)
    office = Office(members, settings.name, plane.accounts.audit.record)
    place = Place(bind, settings.effective_ports.machines, settings.paths.tls, settings.machines.names)
    async with AsyncExitStack() as stack:
        files = await stack.enter_async_context(software_served(settings.paths.root / "bundles", members.authority))
        await stack.enter_async_context(
            open_to_machines(MachinesDoor(office.desk(files, plane.work_door)), place, body_bytes=BODY_BYTES)
        )
        await stack.enter_async_context(tended(members, settings))
        yield
