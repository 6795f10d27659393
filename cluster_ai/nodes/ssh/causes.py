"""Why a machine could not be reached, entered or used: one class each, with what to do about it."""

from collections.abc import Sequence
from typing import Final

from cluster_ai.core.errors import ClusterError, Conflict, Forbidden, InvalidInput, Unavailable, Unsupported

LONGEST_TOLD: Final = 200


def told(text: str) -> str:
    """What another machine said, short and without anything that a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:LONGEST_TOLD].strip()


class Unreachable(Unavailable):
    """No way leads to the machine."""

    code = "ssh_unreachable"

    def __init__(self, place: str, why: str = "") -> None:
        super().__init__(
            f"{place} cannot be reached{': ' + told(why) if why else ''}",
            hint="is it switched on, and in the same network?",
            values={"place": place},
        )


class Refused(Unavailable):
    """The machine answers, and nothing listens at that port."""

    code = "ssh_refused"

    def __init__(self, place: str) -> None:
        super().__init__(
            f"{place} refuses the connection: no SSH server listens there",
            hint="install and start one (Debian, Ubuntu: sudo apt install openssh-server), or name its port",
            values={"place": place},
        )


class TimedOut(Unavailable):
    """Nothing came in time. ``stage`` says where: connect, banner, key exchange, sign-in, channel, command."""

    code = "ssh_timed_out"

    def __init__(self, place: str, stage: str, seconds: float) -> None:
        super().__init__(
            f"{place} did not answer within {seconds:g} s ({stage})",
            hint="is it switched on, and does a firewall let SSH through?",
            values={"place": place, "stage": stage, "seconds": f"{seconds:g}"},
        )
        self.stage = stage


class NameUnknown(Unavailable):
    """The host's name leads to no address."""

    code = "ssh_name_unknown"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"no address is known for {host}",
            hint="check the name, or use the machine's IP address",
            values={"host": host},
        )


class NotSsh(Unavailable):
    """What listens there does not speak SSH 2, or no way of encryption that we accept."""

    code = "ssh_not_spoken"

    def __init__(self, place: str, why: str) -> None:
        super().__init__(
            f"{place} does not speak SSH as we do: {told(why)}",
            hint="is this the port of its SSH server?",
            values={"place": place},
        )


class Broken(Unavailable):
    """The connection ended in the middle."""

    code = "ssh_broken"

    def __init__(self, place: str, why: str = "") -> None:
        super().__init__(
            f"the connection to {place} broke off{': ' + told(why) if why else ''}",
            hint="try again",
            values={"place": place},
        )


class HostKeyUnknown(Forbidden):
    """Nobody said yet that this key is the machine's."""

    code = "ssh_host_key_unknown"

    def __init__(self, place: str, kind: str, fingerprint: str) -> None:
        super().__init__(
            f"the key of {place} is not known: {kind} {fingerprint}",
            hint="compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on that machine, then give it "
            "with --fingerprint",
            values={"place": place, "kind": kind, "fingerprint": fingerprint},
        )
        self.fingerprint = fingerprint


class HostKeyChanged(Forbidden):
    """The machine shows another key than the one that is known: it was set up anew, or it is not that machine."""

    code = "ssh_host_key_changed"

    def __init__(self, place: str, *, expected: str, got: str) -> None:
        super().__init__(
            f"{place} shows the key {got}, and {expected} was expected; nothing was sent to it",
            hint="if the machine was set up anew, remove its old key (ssh-keygen -R HOST) and add it again; "
            "else somebody stands in between",
            values={"place": place, "expected": expected, "got": got},
        )
        self.expected = expected
        self.got = got


class AuthFailed(Forbidden):
    """The machine did not let this user in. ``methods`` are what it offers."""

    code = "ssh_auth_failed"

    def __init__(self, place: str, *, tried: Sequence[str], methods: Sequence[str]) -> None:
        offered = ", ".join(methods) or "nothing"
        super().__init__(
            f"{place} did not let us in (tried: {', '.join(tried) or 'nothing'}; it offers: {offered})",
            hint="check user and password, or give a key with --identity; many machines let root in by key only",
            values={"place": place, "tried": ", ".join(tried) or "-", "methods": ", ".join(methods) or "-"},
        )
        self.methods = tuple(methods)
        self.tried = tuple(tried)


class IdentityUnusable(InvalidInput):
    """A key file cannot be used."""

    code = "ssh_identity_unusable"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"the key file {path} cannot be used: {told(why)}", path="identity", values={"file": path})


class NoShell(Unsupported):
    """One gets in, but no command runs."""

    code = "ssh_no_shell"

    def __init__(self, place: str, why: str = "") -> None:
        super().__init__(
            f"{place} lets us in and runs no command{': ' + told(why) if why else ''}",
            hint="this user needs a login shell on that machine",
            values={"place": place},
        )


class NoSftp(Unsupported):
    """Files cannot be handed over."""

    code = "ssh_no_sftp"

    def __init__(self, place: str) -> None:
        super().__init__(
            f"{place} takes no files: its SSH server has no SFTP",
            hint="enable it there (sshd_config: Subsystem sftp internal-sftp), or join by line",
            values={"place": place},
        )


class FileRefused(Conflict):
    """A file could not be written on the machine."""

    code = "ssh_file_refused"

    def __init__(self, place: str, path: str, why: str) -> None:
        super().__init__(f"{path} cannot be written on {place}: {told(why)}", values={"place": place, "file": path})


class NoPython(Unsupported):
    """The machine has no Python 3."""

    code = "ssh_no_python"

    def __init__(self, place: str, wanted: str) -> None:
        super().__init__(
            f"{place} has no Python 3",
            hint=f"install Python {wanted} or newer with venv (Debian, Ubuntu: sudo apt install python3-venv)",
            values={"place": place, "wanted": wanted},
        )


class OldPython(Unsupported):
    """Its Python is older than we can run on."""

    code = "ssh_old_python"

    def __init__(self, place: str, *, found: str, wanted: str) -> None:
        super().__init__(
            f"{place} has Python {found}; {wanted} is needed",
            hint=f"install Python {wanted} beside it (uv python install {wanted} needs no root)",
            values={"place": place, "found": found, "wanted": wanted},
        )


class OtherSystem(Unsupported):
    """An operating system or a processor that we have no packages for."""

    code = "ssh_other_system"

    def __init__(self, place: str, found: str) -> None:
        super().__init__(
            f"{place} runs {told(found)}, which this program was not made for",
            hint="Linux on x86_64 or aarch64 works",
            values={"place": place, "found": told(found)},
        )


class NoDisk(Conflict):
    """Too little is free in the user's home. Bytes."""

    code = "ssh_no_disk"

    def __init__(self, place: str, *, free: int, needed: int) -> None:
        super().__init__(
            f"{place} has {free // 2**20} MiB free in its home; {needed // 2**20} are needed",
            hint="make room there",
            values={"place": place, "free": f"{free // 2**20}", "needed": f"{needed // 2**20}"},
        )


class ClockSkew(Conflict):
    """Its clock is so wrong that certificates would not be in force."""

    code = "ssh_clock_skew"

    def __init__(self, place: str, *, seconds: float, bound: float) -> None:
        super().__init__(
            f"the clock of {place} is {seconds:+.0f} s off; up to {bound:.0f} are taken",
            hint="set it there: sudo timedatectl set-ntp true",
            values={"place": place, "seconds": f"{seconds:+.0f}", "bound": f"{bound:.0f}"},
        )


class CommandFailed(Conflict):
    """A command ended with an error there. ``status`` is its exit code, -1 when a signal ended it."""

    code = "ssh_command_failed"

    def __init__(self, place: str, what: str, *, status: int, said: str = "") -> None:
        super().__init__(
            f"{what} ended with {status} on {place}{': ' + told(said) if said else ''}",
            values={"place": place, "what": what, "status": str(status)},
        )
        self.status = status


class NotFit(Conflict):
    """The machine lacks what it needs; everything at once. ``findings`` are the causes, each an error of its own."""

    code = "machine_not_fit"

    def __init__(self, place: str, findings: Sequence[ClusterError]) -> None:
        super().__init__(
            f"{place} cannot join as it is: " + "; ".join(one.message for one in findings),
            hint=" · ".join(one.hint for one in findings if one.hint),
            values={"place": place},
        )
        self.findings = tuple(findings)


class DidNotReport(Unavailable):
    """It was set up, and never spoke to the head. Seconds."""

    code = "machine_silent"

    def __init__(self, place: str, seconds: float) -> None:
        super().__init__(
            f"{place} was set up and did not report within {seconds:g} s",
            hint="can it reach this head's address? A firewall may stand between; see its log",
            values={"place": place, "seconds": f"{seconds:g}"},
        )


class AlreadyThere(Conflict):
    """The program was there before, and did not come to us: it is of this cluster already, or of another."""

    code = "machine_already_there"

    def __init__(self, place: str) -> None:
        super().__init__(
            f"{place} has this program already, and did not join by the new line",
            hint="is it in `cluster-ai node ls`? "
            "Else uninstall it there (install_unified.sh --uninstall), and try again",
            values={"place": place},
        )
