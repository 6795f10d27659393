"""The parts that dispatching is put together from, by their names."""

from cluster_ai.compute.scaling import HERE, node_of
from cluster_ai.compute.tickets.transport import SchedulerTickets
from cluster_ai.plans import healing
from cluster_ai.plans.clerk import Clerk
from cluster_ai.plans.dispatcher import Dispatcher, Means, Picture
from cluster_ai.plans.healing import Finding, Past
from cluster_ai.plans.incidents import Incidents
from cluster_ai.plans.lines import Lines
from cluster_ai.plans.losing import Flow
from cluster_ai.plans.opening import Opened
from cluster_ai.plans.ordering import Gateway
from cluster_ai.plans.places import Places
from cluster_ai.plans.running import Running
from cluster_ai.plans.worker_side import Room

__all__ = [
    "HERE",
    "Clerk",
    "Dispatcher",
    "Finding",
    "Flow",
    "Gateway",
    "Incidents",
    "Lines",
    "Means",
    "Opened",
    "Past",
    "Picture",
    "Places",
    "Room",
    "Running",
    "SchedulerTickets",
    "healing",
    "node_of",
]
