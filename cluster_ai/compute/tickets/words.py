"""What travels between the dispatcher, the scheduler and a worker. Pure."""

from typing import Final

from pydantic import Field

from cluster_ai.core.wire import View

PREFIX: Final = "ticket-"
"""Of the keys of Dask's tasks."""
BATCHES: Final = "tickets-"
"""... and of those that are several attempts, one after the other."""
SUBMIT: Final = "cluster_ai_ticket_submit"
CANCEL: Final = "cluster_ai_ticket_cancel"
LOOK: Final = "cluster_ai_ticket_look"
"""Names under which the scheduler answers."""
END: Final = "cluster_ai_ticket_end"
"""... and each worker."""


class Errand(View):
    """One attempt as Dask carries it: enough to ask for the rest. ``worker`` is the only one that may do it."""

    ticket_id: str
    attempt: int
    token: str
    kind: str = ""
    worker: str
    lease_seconds: float = 30.0
    priority: int = 0
    """Dask's: larger goes first."""
    resources: dict[str, float] = Field(default_factory=dict)
    """Beside its slot."""
    batch: str = ""
    """Of attempts that go together, in one slot and one after the other: the same for all of them."""

    @property
    def key(self) -> str:
        """Of Dask's task."""
        return key_of(self.ticket_id, self.attempt)


class Taken(View):
    """What the scheduler did with a batch. ``life`` tells one of its lives from the next."""

    life: str
    refused: dict[str, str] = Field(default_factory=dict)
    """By key: why."""


class Hold(View):
    """A worker as tickets see it. ``life``: of its process; another one means that all which the old one did ended."""

    name: str
    life: str
    threads: int = 1
    paused: bool = False
    resources: dict[str, float] = Field(default_factory=dict)


class Sight(View):
    """The scheduler's own view. ``held``: keys of attempts that it has not let go of yet."""

    life: str
    workers: tuple[Hold, ...] = ()
    held: frozenset[str] = frozenset()


def key_of(ticket_id: str, attempt: int) -> str:
    """The key of an attempt's task: once while the scheduler holds it, however often it is handed in."""
    return f"{PREFIX}{ticket_id}-{attempt}"
