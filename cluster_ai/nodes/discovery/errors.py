"""What can go wrong when somebody asks the head to look around. Pure."""

from cluster_ai.core.errors import Conflict, InvalidInput, NotFound


class AlreadyLooking(Conflict):
    """A search is under way; one at a time is what a network bears."""

    code = "discovery_running"


class NoSuchDiscovery(NotFound):
    """No search has that id; what one found is kept for a quarter of an hour."""

    code = "discovery_not_found"


class BeyondOwnNetworks(InvalidInput):
    """That lies in no network that the head's own interfaces are on and may look at."""

    code = "beyond_own_networks"


class NothingThere(NotFound):
    """The search found no service at that address and port."""

    code = "find_not_found"


class NotToBeTaken(Conflict):
    """That is no instance for the registry: machines join, and parts of a cluster tell of themselves."""

    code = "not_to_be_taken"


class TooManyTaken(Conflict):
    """As many found services are looked after as may be."""

    code = "too_many_taken"
