"""What others may ask of the supervisor: the client of its socket."""

import asyncio
import contextlib
from typing import Any, Final
from urllib.parse import quote

from pydantic import ValidationError

from cluster_ai.core.errors import NONE, ClusterError, Conflict, InvalidInput, NotFound, Unavailable
from cluster_ai.core.paths import Home
from cluster_ai.core.wire import dump_json, parse_object
from cluster_ai.supervisor import sockets
from cluster_ai.supervisor.http import BadMessage, Request, Response, ask
from cluster_ai.supervisor.types import SupervisorView

ANSWER_SECONDS: Final = 3.0
_GOOD: Final = range(200, 300)
_KINDS: Final[dict[int, type[ClusterError]]] = {404: NotFound, 409: Conflict, 422: InvalidInput}


class Control:
    """The supervisor of one data directory. Every method may raise ``Unavailable``: none runs there."""

    def __init__(self, home: Home) -> None:
        self._home = home

    async def status(self) -> SupervisorView:
        """Every part as it is now."""
        answer = await self._ask("GET", "/status")
        try:
            return SupervisorView.model_validate_json(answer.body)
        except ValidationError as exc:
            raise Unavailable("the supervisor is another version; restart the cluster") from exc

    async def restart(self, part: str) -> None:
        """Has a part stopped and started again; answers at once.

        Raises:
            NotFound: no part has that name.
            Conflict: the cluster is stopping.
        """
        await self._ask("POST", f"/parts/{quote(part, safe='')}/restart")

    async def stop(self) -> None:
        """Has the whole cluster stopped; answers at once."""
        await self._ask("POST", "/stop")

    async def scale_workers(self, count: int) -> None:
        """Has ``count`` local Dask workers in all.

        Raises:
            InvalidInput: more than fit the ports, or fewer than none.
            Conflict: a port of a new worker is taken, or the cluster is stopping.
        """
        await self._ask("POST", "/workers", {"count": count})

    async def add_workers(self, count: int) -> int:
        """Has ``count`` more local Dask workers; answers how many there will be.

        Raises:
            InvalidInput, Conflict: as ``scale_workers``.
        """
        answer = await self._ask("POST", "/workers/more", {"count": count})
        return int(parse_object(answer.body)["workers"])

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Response:
        request = Request(method, path, b"" if body is None else dump_json(body))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._exchange(request)
        except TimeoutError as exc:
            raise Unavailable(f"the supervisor did not answer within {ANSWER_SECONDS:.0f} s") from exc
        except (OSError, BadMessage) as exc:
            values = {"about": "no_supervisor", "home": str(self._home.root)}
            message = f"no supervisor runs in {self._home.root}"
            raise Unavailable(message, hint="./manager.sh start", values=values) from exc
        if answer.status not in _GOOD:
            raise _error(answer)
        return answer

    async def _exchange(self, request: Request) -> Response:
        reader, writer = await sockets.connect(self._home.run)
        try:
            return await ask(reader, writer, request)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _error(answer: Response) -> ClusterError:
    try:
        said = parse_object(answer.body)
    except InvalidInput:
        said = {}
    kind = _KINDS.get(answer.status, Unavailable)
    message = str(said.get("message") or f"the supervisor answered {answer.status}")
    found = said.get("values")
    values = {str(name): str(text) for name, text in found.items()} if isinstance(found, dict) else NONE
    return kind(message, hint=str(said.get("hint", "")), values=values).coded(str(said.get("code", "")))
