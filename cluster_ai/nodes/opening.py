"""The nodes room from a database: its fleet as it is stored, and its join lines."""

from cluster_ai.core.consent import Consent, always
from cluster_ai.core.db import Database
from cluster_ai.nodes.fleet import Fleet
from cluster_ai.nodes.invitations import Chance, Invitations
from cluster_ai.nodes.service import Machines
from cluster_ai.nodes.types import MachinesSettings
from cluster_ai.pki.authority import Authority

__all__ = ["Authority", "Chance", "Consent", "Fleet", "Invitations", "always", "opened"]


async def opened(
    database: Database,
    authority: Authority,
    settings: MachinesSettings,
    *,
    chance: Chance,
    consent: Consent = always,
) -> tuple[Fleet, Invitations]:
    """The fleet with all that is stored of it, and the room's other half.

    Raises:
        DatabaseUnavailable: it cannot be read.
    """
    machines = Machines(database, authority=authority, chance=chance, days=settings.certificate_days, consent=consent)
    fleet = Fleet(machines, settings)
    await fleet.load()
    return fleet, Invitations(database, chance=chance)
