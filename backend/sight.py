"""Who may see which live messages.

What tells of plans and tickets goes to whoever the routes that list them would show these very ones: the same two lines
of the table of rights, and the same ``reach``: one's own, or everybody's. Everything else is open to whoever may open
a stream at all.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from backend.asked_work import reach
from backend.caller import Caller
from backend.live import TOPICS
from backend.policy import API, Rule, allows, check, the_rule
from cluster_ai.core.bus import Message
from cluster_ai.core.events import Event

LISTED: Final[Mapping[str, Rule]] = {
    "plan": the_rule("GET", f"{API}/plans"),
    "ticket": the_rule("GET", f"{API}/tickets"),
}
"""By topic: the route that lists what its messages tell of."""


class Sight:
    """What the reader of one stream sees. ``again``: who they are now; ``rule``: of the stream itself."""

    def __init__(self, caller: Caller, again: Callable[[], Awaitable[Caller]], rule: Rule) -> None:
        self._caller = caller
        self._again = again
        self._rule = rule

    async def renew(self) -> None:
        """Looks who the reader is now: roles change while streams are open.

        Raises:
            Unauthenticated: nobody any more.
            Forbidden: somebody who may not open the stream.
        """
        self._caller = await self._again()
        check(self._rule, self._caller.principal)

    def chosen(self, topics: tuple[str, ...]) -> tuple[str, ...]:
        """The topics that were asked for; without any all that the reader may hear of.

        Raises:
            Forbidden: the reader may not hear of one of them.
        """
        for topic in topics:
            if topic in LISTED:
                check(LISTED[topic], self._caller.principal)
        return topics or tuple(sorted(topic for topic in TOPICS if self._hears(topic)))

    def shows(self, message: Message) -> bool:
        """Whether the reader may see it."""
        if message.topic not in LISTED:
            return True
        whose = reach(self._caller)
        return self._hears(message.topic) and (whose is None or _owner(message.data) == whose)

    def _hears(self, topic: str) -> bool:
        who = self._caller.principal
        return topic not in LISTED or allows(LISTED[topic], role=who.role, scopes=who.scopes)


def _owner(told: Any) -> Any:
    """Whose plan or ticket it tells of; None when it does not say, and then it is nobody's."""
    if isinstance(told, Event):
        return told.data.get("owner")
    inner = told.get("data") if isinstance(told, Mapping) else None
    return inner.get("owner") if isinstance(inner, Mapping) else None
