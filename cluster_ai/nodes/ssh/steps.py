"""What is told while a machine is added, and what the adder is given for it. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from cluster_ai.nodes.ssh.probe import USUAL, Needs, Probed

INSTALLER: Final = "install_unified.sh"
BUNDLE: Final = "bundle.tar"


class Stage(StrEnum):
    """Where an addition stands, in this order; ``UNDO`` only when it fails."""

    CONNECT = "connect"
    PROBE = "probe"
    CHECK = "check"
    INVITE = "invite"
    COPY = "copy"
    INSTALL = "install"
    REPORT = "report"
    KEY = "key"
    UNDO = "undo"


class Sign(StrEnum):
    """What happened in a stage."""

    BEGUN = "begun"
    MOVED = "moved"
    """``done`` of ``total`` bytes are there."""
    SAID = "said"
    """The installer printed ``text``."""
    DONE = "done"
    FAILED = "failed"
    """``text`` could not be taken back; only told of ``UNDO``."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened.

    ``text`` came from another machine where the sign is ``SAID``; of ``UNDO`` it is what was taken back
    (``installation``, ``copied_files``, ``join_line``), and after a colon why it was not.
    """

    stage: Stage
    sign: Sign
    text: str = ""
    done: int = 0
    total: int = 0


Tell = Callable[[Step], None]


@dataclass(frozen=True, slots=True)
class Invited:
    """A join line, and the name by which it can be revoked and its machine be found."""

    id: str
    line: str


class Kit(Protocol):
    """What a machine is set up with."""

    async def files(self, found: Probed) -> Mapping[str, bytes | Path]:
        """By their names: the installer, and ``BUNDLE`` unless the machine is to fetch it from the head."""
        ...

    def program(self, found: Probed) -> str:
        """Absolute path of our command there, once it is installed."""
        ...


class Invitations(Protocol):
    """Join lines of the head."""

    async def make(self) -> Invited: ...

    async def revoke(self, invited: Invited) -> None: ...


class Reports(Protocol):
    """What the head hears of its machines."""

    async def first(self, invited: Invited) -> str:
        """The name of the machine that joined by this line, once the head has reached it; waits for it."""
        ...


@dataclass(frozen=True, slots=True)
class OwnKey:
    """The cluster's key, left on the machine so that no password is needed again."""

    public: str
    addresses: tuple[str, ...]
    """Of the head."""


@dataclass(frozen=True, slots=True)
class Crew:
    """All that an addition needs from others."""

    kit: Kit
    invitations: Invitations
    reports: Reports
    key: OwnKey | None = None
    needs: Needs = USUAL
    options: tuple[str, ...] = ()
    """Further words for the installer: the machine's name, its labels."""
    install_seconds: float = 1800.0
    report_seconds: float = 90.0
