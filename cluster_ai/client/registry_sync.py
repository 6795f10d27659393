"""The registry for programs that wait: as ``registry``, with a thread that beats::

with registered(client, Registration(name="painter", capabilities={"paint"})) as lease:
    ...
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from cluster_ai.client import instances
from cluster_ai.client.instances import Lease
from cluster_ai.client.live import Trouble
from cluster_ai.client.registry import FAREWELL_SECONDS
from cluster_ai.client.sync import Client
from cluster_ai.core.errors import ClusterError
from cluster_ai.registry.types import Change, Query, Ranked, Registration


@contextmanager
def registered(client: Client, wanted: Registration, *, on_trouble: Trouble | None = None) -> Iterator[Lease]:
    """Registered as long as the block lasts; see ``registry.registered``. ``on_trouble`` is called in the thread.

    Raises:
        ClusterError: the registry did not take it in the first place.
    """
    lease = Lease(wanted, client.send(instances.register(wanted)), rng=random.Random())  # noqa: S311
    over = threading.Event()
    thread = threading.Thread(target=_beat, args=(client, lease, over, on_trouble), name="registry-lease", daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        over.set()
        thread.join()
        with suppress(ClusterError):
            client.send(instances.deregister(lease.instance.id, seconds=FAREWELL_SECONDS))


def discover(client: Client, query: Query) -> tuple[Ranked, ...]:
    """The best that fit, the best first."""
    return client.send(instances.discover(query))


def watch(client: Client, *, kind: str = "", after: str = "", silence: float = 30.0) -> Iterator[Change]:
    """Changes, until the connection breaks; begin again with the last one's cursor.

    Raises:
        Unavailable: it broke.
    """
    with client.lines(instances.watch(kind=kind, after=after, seconds=silence)) as lines:
        for line in lines:
            yield Change.model_validate(line)


def _beat(client: Client, lease: Lease, over: threading.Event, on_trouble: Trouble | None) -> None:
    while not over.wait(0 if lease.must_register_at_once else lease.pause()):
        try:
            lease.heard(client.send(lease.beat()))
        except ClusterError as exc:
            lease.missed(exc)
            if on_trouble is not None:
                on_trouble(exc, lease.pause())
