"""A proxy that writes down what passes: how Open WebUI's requests came to be recorded.

    python -m tests.open_webui.recorder --port 11999 --to http://127.0.0.1:11435 --into /tmp/recorded.jsonl

Every request becomes one line of JSON: method, path, headers, body, and what the answer was like.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

OWN = frozenset({"host", "content-length", "transfer-encoding", "connection"})


def read(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw.decode("utf-8", "replace")


def recording(upstream: str, into: Path) -> web.Application:
    """The proxy in front of ``upstream``; lines are added to ``into``."""

    async def passed(request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        headers = {key: value for key, value in request.headers.items() if key.lower() not in OWN}
        row = {"method": request.method, "path": request.path_qs, "headers": headers, "body": read(raw)}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(request.method, upstream + request.path_qs, data=raw or None, headers=headers) as answer,
        ):
            row |= {"status": answer.status, "answered": dict(answer.headers)}
            with into.open("a", encoding="utf-8") as out:
                out.write(json.dumps(row) + "\n")
            response = web.StreamResponse(status=answer.status)
            response.headers.update({k: v for k, v in answer.headers.items() if k.lower() not in OWN})
            try:
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
            except (aiohttp.ClientPayloadError, ConnectionError):
                # Cut on one side, cut on the other.
                if request.transport is not None:
                    request.transport.abort()
            return response

    app = web.Application(client_max_size=1024**3)
    app.router.add_route("*", "/{path:.*}", passed)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--into", type=Path, required=True)
    asked = parser.parse_args()
    web.run_app(
        recording(asked.to.rstrip("/"), asked.into), host="127.0.0.1", port=asked.port, print=None, shutdown_timeout=0.5
    )


if __name__ == "__main__":
    main()
