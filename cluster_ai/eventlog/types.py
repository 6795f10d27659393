"""Words of the event log. Pure."""

from typing import Annotated

from pydantic import Field

from cluster_ai.core.wire import Count, View


class ClusterEvent(View):
    """Something that happened. ``kind`` is stable (``node.state``); ``subject`` is a name. ``at`` in Unix seconds."""

    at: float
    kind: str
    subject: str
    before: str = ""
    after: str = ""


class KeptEvent(ClusterEvent):
    """One that was written down. A higher ``number`` was written later."""

    number: Count


class EventFilter(View):
    """Which ones are asked for; what is empty holds for all. Times in Unix seconds, ``until`` not included."""

    kind: str = ""
    subject: str = ""
    """Any part of it."""
    since: Annotated[float | None, Field(allow_inf_nan=False)] = None
    until: Annotated[float | None, Field(allow_inf_nan=False)] = None
