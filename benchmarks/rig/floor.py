"""The least a server of ours can do: the same listener, and an application that answers each request with nothing.

``python -m benchmarks.rig.floor PORT``. It is the yardstick for what an API's own work costs.
"""

import sys

from starlette.types import Receive, Scope, Send

from cluster_ai.core.asgi.guard import Limits
from cluster_ai.core.asgi.serve import run

ANSWER = b"{}"
HEAD = [(b"content-type", b"application/json"), (b"content-length", b"2")]


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEAD})
    await send({"type": "http.response.body", "body": ANSWER})


if __name__ == "__main__":
    run(answer, host="127.0.0.1", port=int(sys.argv[1]), limits=Limits())
