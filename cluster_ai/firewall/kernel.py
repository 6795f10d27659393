"""The kernel's packet filter, by ``nft``, with the rights of root or by ``sudo``. The kernel is the only memory."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cluster_ai.core.errors import Conflict, Unavailable, Unsupported
from cluster_ai.firewall import managers
from cluster_ai.firewall.boot import RUNS, Boot
from cluster_ai.firewall.rules import STANDING, TABLE, TRIAL, TRIED, Policy, removal, script

LEAST_TRIAL: Final = 5
LONGEST_TRIAL: Final = 3600
WAIT_SECONDS: Final = 120
"""Long enough for a password."""
_FOLDERS: Final = "/usr/sbin:/sbin:/usr/bin:/bin"
_NOT_THERE: Final = "Error: No such file or directory"


class NoPacketFilter(Unsupported):
    """This machine has no ``nft``."""

    code = "no_packet_filter"


class FilterRefused(Unavailable):
    """``nft`` did not do what was asked of it."""

    code = "packet_filter_refused"


class NothingOnTrial(Conflict):
    """There are no new rules that could be confirmed: their time is over, or there never were any."""

    code = "nothing_on_trial"


@dataclass(frozen=True, slots=True)
class InForce:
    """Rules as the kernel has them. ``seconds``: left to the trial; 0 without one."""

    standing: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    seconds: float = 0.0


class Filter:
    """Every method is one call of ``nft``, or two. Blocks, and may ask for a password at the terminal.

    Each of them raises:
        NoPacketFilter: there is no ``nft``.
        FilterRefused: ``nft`` said no; these words are its own.
    """

    def __init__(self, command: Sequence[str] | None = None) -> None:
        self._command = tuple(command) if command is not None else _command()
        self.boot = Boot(self._do, self._command[-1])

    def beside(self) -> managers.Manager | None:
        """Another firewall that is at work here, which must let through what ours does."""
        return managers.found(self._do)

    def check(self, policy: Policy) -> str:
        """What ``nft`` would be given; it has looked at it, and changed nothing."""
        text = script(standing=(), tried=policy.rules(), seconds=LEAST_TRIAL)
        self._run("-c", "-f", "-", given=text)
        return text

    def try_out(self, policy: Policy, *, seconds: int) -> InForce:
        """The rules count from now on, and no longer than ``seconds`` unless they are confirmed."""
        standing = self.in_force().standing
        self._run("-f", "-", given=script(standing=standing, tried=policy.rules(), seconds=seconds))
        if other := self.beside():
            other.try_out(policy, seconds=seconds)
        return self.in_force()

    def confirm(self) -> InForce:
        """What is on trial stays; where systemd runs, over boots, too.

        Raises:
            NothingOnTrial: and nothing was changed.
        """
        now = self.in_force()
        if not now.seconds:
            raise NothingOnTrial("there are no new rules to confirm", hint="cluster-ai firewall apply")
        text = script(standing=now.tried)
        self._run("-f", "-", given=text)
        if RUNS.is_dir():
            self.boot.keep(text)
        if other := self.beside():
            other.confirm()
        return self.in_force()

    def remove(self) -> None:
        """Nothing of ours is filtered any more, after the next boot neither."""
        self._run("-f", "-", given=removal())
        if other := self.beside():
            other.close()
        if self.boot.is_kept():
            self.boot.forget()

    def in_force(self) -> InForce:
        """All of ours as it is now."""
        try:
            told = self._run("-j", "list", "table", *TABLE.split())
        except FilterRefused as exc:
            if exc.values["why"].startswith(_NOT_THERE):
                return InForce()
            raise
        return InForce(self._rules(STANDING), self._rules(TRIED), _left(told))

    def _rules(self, chain: str) -> tuple[str, ...]:
        """One chain in the words of ``nft``, which it takes back."""
        told = self._run("-s", "-n", "list", "chain", *TABLE.split(), chain)
        lines = [line.strip() for line in told.splitlines()]
        return tuple(line for line in lines if line and not line.endswith("{") and line != "}")

    def _run(self, *words: str, given: str = "") -> str:
        return self._do(self._command[-1], *words, given=given)

    def _do(self, *words: str, given: str = "") -> str:
        try:
            done = subprocess.run(  # noqa: S603 - our own words; rules come by standard input
                [*self._command[:-1], *words],
                input=given, capture_output=True, text=True, check=False, timeout=WAIT_SECONDS,
                env={"PATH": _FOLDERS, "LC_ALL": "C"},
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise _refused(f"{words[0]} does not run: {exc}") from exc
        if done.returncode:
            raise _refused(" ".join(done.stderr.split())[:300] or f"{words[0]}: exit {done.returncode}")
        return done.stdout


def _refused(why: str) -> FilterRefused:
    hint = "rules are changed by root: sudo must let this user run nft"
    return FilterRefused(why, hint=hint, values={"why": why})


def _command() -> tuple[str, ...]:
    nft = shutil.which("nft", path=_FOLDERS)
    if nft is None:
        raise NoPacketFilter("nft is not installed here", hint="sudo apt install nftables")
    return (nft,) if os.geteuid() == 0 else ("sudo", nft)


def _left(told: str) -> float:
    """Seconds that the trial still has."""
    rows: list[dict[str, Any]] = json.loads(told)["nftables"]
    found: dict[str, Any] = next((row["set"] for row in rows if row.get("set", {}).get("name") == TRIAL), {})
    # An element that ended a moment ago may still be listed, without a rest.
    return float(max((one["elem"].get("expires", 0) for one in found.get("elem", []) if "elem" in one), default=0))
