"""Changes the models of nodes, and waits until the gateway knows of it."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from http import HTTPMethod, HTTPStatus
from typing import Final

import aiohttp
import structlog

from cluster_ai.core.clock import Clock
from cluster_ai.gateway.managing import blobs
from cluster_ai.gateway.managing import targets as manage
from cluster_ai.gateway.managing.asks import Ask, Verb, listed_name, refuse_registries
from cluster_ai.gateway.managing.progress import Event, Reported, Reports, merged
from cluster_ai.gateway.managing.questions import PATIENCE, NodeFailed, Patience, change, records
from cluster_ai.gateway.nodes.pool import Pool, Upstream
from cluster_ai.gateway.routing import full_name
from cluster_ai.gateway.types import GatewaySettings, UpstreamKind

log = structlog.get_logger(__name__)

NOTICE_SECONDS: Final = 3.0
"""Longest wait for a probe to show what was changed."""
_STEP: Final = 0.01

Outcome = Mapping[str, NodeFailed | None]
"""By node: why it failed; None where it was done."""


class Upkeep:
    """Who has what is taken from the pool; what is on its way is remembered here."""

    def __init__(
        self,
        pool: Pool,
        session: aiohttp.ClientSession,
        settings: GatewaySettings,
        *,
        clock: Clock,
        patience: Patience = PATIENCE,
    ) -> None:
        self._pool = pool
        self._session = session
        self._settings = settings
        self._clock = clock
        self._patience = patience
        self._coming: defaultdict[str, list[tuple[str, dict[str, int]]]] = defaultdict(list)
        """By node: models on their way there, with the bytes of each layer."""
        self._aims = blobs.Aims(clock)

    # -- models

    async def plan(self, ask: Ask, wanted: tuple[str, ...], *, client: str) -> manage.Plan:
        """Where ``ask`` goes. ``client``: who sent the blobs that it refers to.

        Raises:
            PullRefused, RegistryRefused: it is not wanted here.
            NotFound, Unavailable, InvalidInput: nobody can do it.
        """
        refuse_registries(ask, allow_pull=self._settings.allow_pull, registries=self._settings.registries)
        having: tuple[str, ...] = ()
        if ask.digests:
            having = await blobs.holders(self._session, self._up(), ask.digests)
            # The node that this client's blobs went to before others that have them by chance.
            having = tuple(name for name in self._aims.get(client) if name in having) or having
            self._aims.made(client)
        return manage.plan(ask, wanted, [self._shelf(upstream, ask, having=having) for upstream in self._pool.all()])

    def progress(self, ask: Ask, plan: manage.Plan) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """The nodes at work, as long as the block runs."""
        if plan.each:
            return merged({name: self._report(name, ask) for name in plan.nodes})
        return merged({plan.nodes[0]: self._first_report(plan.nodes, ask)})

    async def change(self, ask: Ask, plan: manage.Plan) -> Outcome:
        """A copy or a deletion; it shows in the lists when this returns."""
        if plan.each:
            done = await asyncio.gather(*(self._changed(name, ask) for name in plan.nodes))
            return dict(zip(plan.nodes, done, strict=True))
        outcome: dict[str, NodeFailed | None] = {}
        for name in plan.nodes:
            outcome = {name: await self._changed(name, ask)}
            failure = outcome[name]
            if failure is None or failure.started:
                break
        return outcome

    # -- blobs

    async def find_blob(self, digest: str, wanted: tuple[str, ...], *, client: str) -> tuple[str, ...]:
        """Nodes that have the blob where this client's next model will be made; empty when it must be sent."""
        found = await blobs.holders(self._session, self._up(), [digest])
        # Looked up after that, not before: another blob of the same model may have found its place meanwhile.
        aimed = self._blob_nodes(wanted) if wanted else self._aims.get(client)
        if aimed:
            return aimed if set(aimed) <= set(found) else ()
        if found:
            self._aims.set(client, found[:1])
        return found[:1]

    async def send_blob(
        self, upload: blobs.Upload, wanted: tuple[str, ...], *, client: str, body: AsyncIterator[bytes]
    ) -> Outcome:
        """Passes a blob on to where this client's model will be made.

        Raises:
            NotFound, Unavailable: there is no such node.
        """
        known = {upstream.name for upstream in self._up()}
        aimed = () if wanted else tuple(name for name in self._aims.get(client) if name in known)
        nodes = aimed or self._blob_nodes(wanted)
        self._aims.set(client, nodes)
        outcome = await upload.run([upstream for upstream in self._pool.all() if upstream.name in nodes], body)
        self._aims.set(client, nodes)
        return outcome

    def upload(self, digest: str, length: int | None) -> blobs.Upload:
        return blobs.Upload(self._session, digest, length, self._patience, checks=self._settings.check_blobs)

    # -- inside

    def _node(self, name: str) -> Upstream:
        for upstream in self._pool.all():
            if upstream.name == name:
                return upstream
        # The configuration is read again while clients wait.
        raise NodeFailed(name, "it has left the cluster", status=HTTPStatus.BAD_GATEWAY)

    def _blob_nodes(self, wanted: tuple[str, ...]) -> tuple[str, ...]:
        plan = manage.blob_plan(wanted, [self._shelf(upstream) for upstream in self._pool.all()])
        return plan.nodes if plan.each else plan.nodes[:1]

    def _up(self) -> list[Upstream]:
        able = [upstream for upstream in self._pool.all() if upstream.is_up]
        return [upstream for upstream in able if upstream.kind is not UpstreamKind.EMBEDDED] or able

    def _shelf(self, upstream: Upstream, ask: Ask | None = None, *, having: Iterable[str] = ()) -> manage.Shelf:
        coming = self._coming.get(upstream.name, ())
        sizes = {model.digest or model.name: model.size for model in upstream.picture.models}
        taken = sum(sizes.values()) + sum(sum(layers.values()) for _, layers in coming)
        rows = {row.name: row.models_bytes for row in self._settings.upstreams}
        space = rows.get(upstream.name)
        model, source = (listed_name(ask.model), listed_name(ask.source)) if ask else ("", "")
        return manage.Shelf(
            upstream.name,
            changes=upstream.kind is not UpstreamKind.EMBEDDED,
            up=upstream.is_up,
            drains=upstream.orders.drain,
            labels=upstream.orders.labels,
            # Whoever fetches it already will have it: a second one who asks joins in.
            has_model=bool(model) and (_has(upstream, model) or any(_same(model, name) for name, _ in coming)),
            has_source=bool(source) and _has(upstream, source),
            has_blobs=upstream.name in having,
            inflight=upstream.inflight + len(coming),
            models_bytes=taken,
            room=None if space is None else space - taken,
        )

    async def _first_report(self, names: tuple[str, ...], ask: Ask) -> Reports:
        for name in names:
            try:
                async with aclosing(self._report(name, ask)) as report:
                    async for reported in report:
                        yield reported
            except NodeFailed as exc:
                if exc.started or name == names[-1]:
                    raise
                log.warning("a change of models goes to another node", node=name, reason=exc.message)
            else:
                return

    async def _report(self, name: str, ask: Ask) -> Reports:
        upstream = self._node(name)
        with self._arriving(upstream, ask) as layers:
            report = records(self._session, upstream, ask.verb.path, ask.body, patience=self._patience)
            async with aclosing(report):
                async for record in report:
                    match record:
                        case {"digest": str(digest), "total": int(total)}:
                            layers[digest] = total
                        case {"status": "success"} if ask.verb is not Verb.PUSH:
                            await self._noticed(upstream, lambda: _has(upstream, listed_name(ask.model)))
                    yield Reported(upstream.name, record)
        log.info("models changed", verb=ask.verb.value, node=upstream.name, model=ask.model)

    @contextmanager
    def _arriving(self, upstream: Upstream, ask: Ask) -> Iterator[dict[str, int]]:
        """Notes a model on its way, for others who choose a place; the layers' sizes are filled in."""
        layers: dict[str, int] = {}
        entry = (listed_name(ask.model), layers)
        if ask.verb is Verb.PUSH:
            yield layers
            return
        self._coming[upstream.name].append(entry)
        try:
            yield layers
        finally:
            self._coming[upstream.name].remove(entry)

    async def _changed(self, name: str, ask: Ask) -> NodeFailed | None:
        gone = ask.verb is Verb.DELETE
        method = HTTPMethod.DELETE if gone else HTTPMethod.POST
        try:
            upstream = self._node(name)
            await change(self._session, upstream, method, ask.verb.path, body=ask.body, patience=self._patience)
        except NodeFailed as exc:
            return exc
        await self._noticed(upstream, lambda: _has(upstream, listed_name(ask.model)) is not gone)
        log.info("models changed", verb=ask.verb.value, node=upstream.name, model=ask.model)
        return None

    async def _noticed(self, upstream: Upstream, shows: Callable[[], bool]) -> None:
        """Has the node looked at now, and waits until that shows what was done: who changes a model lists it next."""
        since = self._clock()
        upstream.wake.set()
        # The prober's own event says that it should look, not that it has.
        while not (shows() and (upstream.seen_at or 0.0) >= since) and self._clock() - since < NOTICE_SECONDS:  # noqa: ASYNC110
            await asyncio.sleep(_STEP)


def _has(upstream: Upstream, name: str) -> bool:
    return upstream.model(name) is not None


def _same(one: str, other: str) -> bool:
    return full_name(one).casefold() == full_name(other).casefold()
