"""The registry's gRPC door of a running API. The API itself does without it, when its port is another program's."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from backend.plane import Plane
from backend.registry.grpc_server import Place, grpc_served
from cluster_ai.core.sockets import PortTaken

log = structlog.get_logger(__name__)


@asynccontextmanager
async def registry_served(plane: Plane, place: Place) -> AsyncIterator[None]:
    """Serves while the block runs. Raises as ``grpc_served``, but for the port."""
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(grpc_served(plane, place))
        except PortTaken as exc:
            # The same is there over HTTP, and dashboards and chats need none of it.
            log.error("the registry does not answer gRPC", reason=exc.message, hint=exc.hint)  # noqa: TRY400
        yield
