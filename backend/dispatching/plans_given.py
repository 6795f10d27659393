"""The plans room for the dispatcher, from what the API has."""

from backend.dispatching.config import WorkConfig
from cluster_ai.core.bus import Bus
from cluster_ai.core.db import Database
from cluster_ai.core.events import Event
from cluster_ai.core.ids import Ids
from cluster_ai.executors.catalogue import checked_by
from cluster_ai.executors.kinds import KINDS
from cluster_ai.plans.given import Given, Trait
from cluster_ai.plans.opening import Opened, steady
from cluster_ai.plans.results import Results
from cluster_ai.plans.tokens import TicketKeys


def opened_plans(config: WorkConfig, database: Database, bus: Bus) -> Opened:
    """Reads or makes the key of tickets: call it in a thread."""

    def tell(event: Event) -> None:
        bus.publish(event.topic, event)

    def traits(kind: str) -> Trait:
        found = KINDS.get(kind)
        return Trait() if found is None else Trait(found.is_idempotent, found.can_compensate)

    given = Given(
        database=database,
        results=Results(config.results),
        keys=TicketKeys.load(config.secrets),
        check=checked_by(config.executors),
        traits=traits,
        tell=tell,
        now=steady(),
        new_id=Ids(),
    )
    return Opened.of(given)
