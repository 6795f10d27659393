"""A worker: a nanny on one port, its worker process on another; on loopback in the clear, or in the LAN under TLS."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Final

import structlog
from distributed import Nanny

from cluster_ai.compute.asking import ask_admission, say_leaving
from cluster_ai.compute.config import adopt_logs, refuse_open, refuse_vague, settle, worker_values
from cluster_ai.compute.lifetime import asked_to_stop, first_of, refuse_taken
from cluster_ai.compute.link import Link
from cluster_ai.compute.places import Post
from cluster_ai.compute.process import STOP_SECONDS, OurWorker
from cluster_ai.compute.reach import with_scheme
from cluster_ai.core.errors import Unavailable

log = structlog.get_logger(__name__)

APPEAR_SECONDS: Final = 10.0
"""A scheduler that is being started beside the worker has this long to listen."""


def run(post: Post) -> None:
    """Runs nanny and worker until SIGTERM or SIGINT, or until the scheduler is gone.

    Raises:
        Conflict: a port is taken.
        VersionsDiffer: this worker and its scheduler are not of one version.
        Unavailable: the scheduler is not there, or went away; start again later.
    """
    prepare(post)
    asyncio.run(_until_asked(post))


async def _until_asked(post: Post) -> None:
    await serve(post, asked_to_stop(), patience=APPEAR_SECONDS)


def prepare(post: Post) -> None:
    """Settles this process before anything of Dask runs in it. Raises as ``run``."""
    if post.outward:
        refuse_vague(post.outward.host)
    else:
        refuse_open(post.host)
    settle(worker_values(post.scratch))
    adopt_logs()


async def serve(post: Post, asked: asyncio.Event, *, patience: float) -> None:
    """One life of nanny and worker, with a scheduler that has ``patience`` seconds to appear. Raises as ``run``."""
    for port in post.ports:
        await asyncio.to_thread(refuse_taken, post.host, port)
    async with AsyncExitStack() as stack:
        link = None
        if post.outward:
            address = with_scheme(post.scheduler).partition("://")[2]
            link = await asyncio.to_thread(Link, post.outward.folder, head=address)
            await stack.enter_async_context(link.followed())
        admission = asyncio.ensure_future(ask_admission(post, link, patience=patience))
        await first_of(admission, asked.wait())
        if not admission.done():
            admission.cancel()
            return
        admission.result()
        await _work(_nanny(post, link), post.name, asked)


def _nanny(post: Post, link: Link | None) -> Any:
    more = {"security": link, "protocol": "tls"} if link else {}
    return Nanny(
        with_scheme(post.scheduler),
        host=post.host,
        worker_port=post.ports[0],
        port=post.ports[1],
        name=post.name,
        nthreads=post.threads,
        memory_limit=post.memory_limit,
        resources={**post.resources, "slot": post.threads},
        local_directory=str(post.scratch),
        worker_class=OurWorker,
        dashboard=False,
        preload=[],
        preload_nanny=[],
        silence_logs=False,
        environment=post.environment,
        api=post.api,
        tickets=str(post.tickets or post.scratch / "tickets" / post.name),
        **more,
    )


async def _work(nanny: Any, name: str, asked: asyncio.Event) -> None:
    starting = asyncio.ensure_future(_started(nanny))
    await first_of(starting, asked.wait())
    # A nanny that is half started cannot be closed: it gets a moment. If that is too short, its processes end with it.
    await asyncio.wait([starting], timeout=STOP_SECONDS)
    if not starting.done():
        starting.cancel()
        return
    starting.result()
    log.info("worker runs", worker=nanny.worker_address, nanny=nanny.address)
    await first_of(nanny.finished(), asked.wait())
    if asked.is_set():
        await say_leaving(nanny.scheduler, nanny.worker_address)
    await nanny.close(timeout=STOP_SECONDS)
    if not asked.is_set():
        raise Unavailable(f"the scheduler at {nanny.scheduler_addr} went away", hint="start the scheduler again")
    log.info("worker stopped", name=name)


async def _started(nanny: Any) -> None:
    try:
        await nanny
    except (RuntimeError, OSError) as exc:
        raise Unavailable(
            f"the worker cannot start with the scheduler at {nanny.scheduler_addr}: {exc.__cause__ or exc}"
        ) from exc
