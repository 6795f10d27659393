"""What workers say of their attempts, and what they are answered, as it crosses the wire. Pure."""

from typing import Annotated, Any, Final

from pydantic import Field

from cluster_ai.core.wire import StrictModel, Text, View
from cluster_ai.executors.contract import Order, Reported
from cluster_ai.plans.pace import MOST
from cluster_ai.plans.types import LONGEST_SECONDS

Short = Annotated[Text, Field(max_length=256)]
Line = Annotated[Text, Field(max_length=8192)]
Took = Annotated[float, Field(ge=0, le=LONGEST_SECONDS)] | None
"""Seconds that the attempt ran, as its worker measured them."""
LONGEST_TOKEN: Final = 2048


class Start(StrictModel):
    attempt: int
    worker: Short = ""
    life: Short = ""


class Beat(StrictModel):
    attempt: int


class Progress(StrictModel):
    attempt: int
    progress: Annotated[float, Field(ge=0, le=1)] | None = None
    note: Short = ""
    lines: list[Line] = Field(default_factory=list, max_length=1000)
    lost: Annotated[int, Field(ge=0)] = 0


class Ended(StrictModel):
    """How an attempt ended, in whichever way."""

    attempt: int
    seconds: Took = None


class Complete(Ended):
    result: Any = None
    artefacts: list[dict[str, Any]] = Field(default_factory=list, max_length=1000)


class Fail(Ended):
    code: Annotated[Text, Field(max_length=64)] = ""
    error: Text = ""
    retryable: bool = True
    retry_after: Annotated[float, Field(ge=0)] | None = None


class Return(Ended):
    """Nothing of it was done."""


class Named(StrictModel):
    """Which attempt, with its token."""

    ticket_id: Annotated[Text, Field(max_length=36)]
    attempt: int
    token: Annotated[Text, Field(max_length=LONGEST_TOKEN)]


class StartMany(StrictModel):
    worker: Short = ""
    life: Short = ""
    items: list[dict[str, Any]] = Field(max_length=MOST)


class EndMany(StrictModel):
    """Each item: a ``Named`` with its ``verb``, and what is said with that verb. They are read one by one, so that
    what is wrong with one spoils no other.
    """

    items: list[dict[str, Any]] = Field(max_length=MOST)


class Begun(View):
    """It may begin; with ``cancel`` it must not."""

    order: Order
    lease_seconds: float
    token: str
    cancel: bool = False
    report: Reported | None = None


class Told(View):
    """To a sign of life. ``token`` takes the place of the one before; ``report``: of a pipeline that it waits for."""

    cancel: bool
    token: str
    report: Reported | None = None


class Taken(View):
    """A report counts; ``dup``: it was known already."""

    dup: bool


class Refused(View):
    """Why nothing came of one item; the code is of docs/reference/errors.md."""

    code: str
    message: str


class BegunItem(View):
    """One of the two is there."""

    ticket_id: str
    attempt: int
    begun: Begun | None = None
    refused: Refused | None = None


class BegunMany(View):
    """In the order of what was asked."""

    items: tuple[BegunItem, ...]


class EndedItem(View):
    ticket_id: str
    attempt: int
    dup: bool = False
    refused: Refused | None = None


class EndedMany(View):
    """In the order of what was reported."""

    items: tuple[EndedItem, ...]
