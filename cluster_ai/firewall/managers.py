"""ufw and firewalld: what they refuse stays refused whatever our own table says, so our doors are opened in them, too.

Only openings are added, marked as ours, and on trial like our own rules: firewalld forgets them by itself after their
time and at a boot, for ufw ``ending`` does it. They may let through more than is wanted any more: our own table is
exact.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from cluster_ai.core.errors import ClusterError
from cluster_ai.firewall.ending import Do, Ending
from cluster_ai.firewall.rules import Opening, Policy, shown

FOLDERS: Final = "/usr/sbin:/sbin:/usr/bin:/bin"


class Manager(Protocol):
    """One of them, at work on this machine."""

    @property
    def name(self) -> str:
        """As people call it."""

    def commands(self, policy: Policy) -> tuple[str, ...]:
        """What would be done, as a person would type it; nothing changes."""

    def try_out(self, policy: Policy, *, seconds: int) -> None:
        """The doors are open, and no longer than ``seconds`` unless that is confirmed."""

    def confirm(self) -> None:
        """What is on trial stays, over boots, too."""

    def close(self) -> None:
        """None of ours is left."""

    def opened(self) -> tuple[str, ...]:
        """Ours as they are now, in its own words."""


def found(do: Do) -> Manager | None:
    """The one that is at work here; None without any, or when it does not say so."""
    kinds: tuple[tuple[str, tuple[str, ...], str, type[Firewalld | Ufw]], ...] = (
        ("firewall-cmd", ("--state",), "running", Firewalld),
        ("ufw", ("status",), "Status: active", Ufw),
    )
    for command, words, sign, kind in kinds:
        program = shutil.which(command, path=FOLDERS)
        if program and _says(do, program, *words).startswith(sign):
            return kind(do, program)
    return None


def _says(do: Do, *words: str) -> str:
    try:
        return do(*words)
    except ClusterError:
        return ""


@dataclass(frozen=True, slots=True)
class Firewalld:
    """Rich rules of its default zone. It has no place for remarks: ours are known by their priority."""

    do: Do
    program: str
    name: str = "firewalld"

    _MARK = 'priority="-1173"'

    def commands(self, policy: Policy) -> tuple[str, ...]:
        return tuple(f"firewall-cmd --add-rich-rule='{rule}'" for rule in self._rules(policy))

    def try_out(self, policy: Policy, *, seconds: int) -> None:
        there = set(self.opened())
        for rule in self._rules(policy):
            if rule not in there:
                self.do(self.program, f"--add-rich-rule={rule}", f"--timeout={seconds}")

    def confirm(self) -> None:
        kept = set(self._ours("--permanent"))
        for rule in self.opened():
            if rule not in kept:
                self.do(self.program, "--permanent", f"--add-rich-rule={rule}")
                # With its time.
                self.do(self.program, f"--remove-rich-rule={rule}")
                self.do(self.program, f"--add-rich-rule={rule}")

    def close(self) -> None:
        for where in ((), ("--permanent",)):
            for rule in self._ours(*where):
                self.do(self.program, *where, f"--remove-rich-rule={rule}")

    def opened(self) -> tuple[str, ...]:
        return self._ours()

    def _ours(self, *where: str) -> tuple[str, ...]:
        told = self.do(self.program, *where, "--list-rich-rules").splitlines()
        return tuple(line.strip() for line in told if self._MARK in line)

    def _rules(self, policy: Policy) -> Iterator[str]:
        for one in policy.openings():
            family = f' family="ipv{one.source.version}" source address="{shown(one.source)}"' if one.source else ""
            yield f'rule {self._MARK}{family} port port="{_span(one, "-")}" protocol="tcp" accept'


@dataclass(frozen=True, slots=True)
class Ufw:
    """Its rules are kept over boots from the beginning; what is on trial is told apart by its remark."""

    do: Do
    program: str
    name: str = "ufw"

    _MARK = "cluster-ai"
    _TRIAL = "cluster-ai trial"

    def commands(self, policy: Policy) -> tuple[str, ...]:
        return tuple(f"ufw {' '.join(words)}" for words in self._rules(policy))

    def try_out(self, policy: Policy, *, seconds: int) -> None:
        there = {" ".join(words) for words in self._ours(self._MARK)}
        # First of all the end: what comes next may be cut off anywhere.
        end = f"{self.program} show added | sed -n \"s/^ufw \\(.*\\) comment '{self._TRIAL}'$/\\1/p\""
        end += f" | while read -r rule; do {self.program} --force delete $rule; done"
        Ending(self.do).arm(end, seconds=seconds)
        for words in self._rules(policy):
            if " ".join(words) not in there:
                self.do(self.program, *words, "comment", self._TRIAL)

    def confirm(self) -> None:
        for words in self._ours(self._TRIAL):
            # The same rule with another remark takes its place.
            self.do(self.program, *words, "comment", self._MARK)
        Ending(self.do).disarm()

    def close(self) -> None:
        Ending(self.do).disarm()
        for mark in (self._TRIAL, self._MARK):
            for words in self._ours(mark):
                self.do(self.program, "--force", "delete", *words)

    def opened(self) -> tuple[str, ...]:
        return tuple(" ".join(words) for mark in (self._MARK, self._TRIAL) for words in self._ours(mark))

    def _ours(self, mark: str) -> list[list[str]]:
        end = f" comment '{mark}'"
        told = self.do(self.program, "show", "added").splitlines()
        return [line.removesuffix(end).split()[1:] for line in told if line.endswith(end)]

    def _rules(self, policy: Policy) -> Iterator[list[str]]:
        for one in policy.openings():
            # As `ufw show added` writes them, a single machine without its /32.
            if one.source is None:
                yield ["allow", f"{_span(one, ':')}/tcp"]
            else:
                source = shown(one.source)
                yield ["allow", "from", source, "to", "any", "port", _span(one, ":"), "proto", "tcp"]


def _span(one: Opening, between: str) -> str:
    return str(one.first) if one.first == one.last else f"{one.first}{between}{one.last}"
