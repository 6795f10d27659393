"""What is done to machines, as those know it who may forbid it."""

from typing import Final

from cluster_ai.core.consent import Action, Consent, Deed, always
from cluster_ai.nodes.records import Machine

__all__ = ["Consent", "always", "draining", "ordered"]

SERVICES: Final = "gateway compute"
"""A machine answers chats and works for Dask: what freezes either of them freezes it."""
_ASKED: Final = {"upgrade": Action.UPDATE, "leave": Action.SCALE}


def draining(machine: Machine) -> Deed:
    """It gets no new work, and what runs there is moved."""
    return _deed(Action.SCALE, machine)


def ordered(verb: str, machine: Machine) -> Deed | None:
    """An order; None for one that nothing forbids: a restart mends.

    Taking a machine out is none of them: its certificate may be in wrong hands.
    """
    action = _ASKED.get(verb)
    return None if action is None else _deed(action, machine)


def _deed(action: Action, machine: Machine) -> Deed:
    return Deed(action, machine.name, {"service": SERVICES, "node": machine.name, "group": " ".join(machine.labels)})
