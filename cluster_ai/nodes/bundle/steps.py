"""The installer's steps as commands: ``python -m cluster_ai.nodes.bundle.steps STEP``. Python's own library alone.

Answers are ``key=value`` lines on stdout; what people should read goes to stderr. Exit codes are the installer's:
1 error, 2 usage, 3 no such machine served, 5 dependency, 6 network, 7 not what was signed, 9 disk, 10 refused.
"""

import argparse
import errno
import http.client
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from cluster_ai.core.errors import ClusterError
from cluster_ai.nodes.bundle import look, member, offline, switch, unit
from cluster_ai.nodes.bundle import manifest as words
from cluster_ai.nodes.bundle.fetch import fetch, manifest_of
from cluster_ai.nodes.bundle.head import Head, NoHead, Refused, WrongHead, reach
from cluster_ai.nodes.bundle.identity import architecture, python_minor
from cluster_ai.nodes.bundle.manifest import BadBundle, Manifest, Target
from cluster_ai.nodes.bundle.unfold import CannotUnfold, unfold
from cluster_ai.nodes.lines import Line, parse_line

ERROR, USAGE, DEPENDENCY, NETWORK, CHECKSUM, DISK, REFUSED, INTERRUPTED = 1, 2, 5, 6, 7, 9, 10, 130
TELL_SECONDS: Final = 0.5
_EXITS: Final[tuple[tuple[type[Exception], int], ...]] = (
    (ClusterError, USAGE),
    (NoHead, NETWORK),
    (WrongHead, CHECKSUM),
    (BadBundle, CHECKSUM),
    (Refused, REFUSED),
    (CannotUnfold, DEPENDENCY),
    (switch.NoVersion, ERROR),
    (http.client.HTTPException, NETWORK),
)
_KNOWN: Final = (
    ClusterError, NoHead, WrongHead, BadBundle, Refused, CannotUnfold, switch.NoVersion, http.client.HTTPException,
    OSError,
)  # fmt: skip
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def look_at(_asked: argparse.Namespace) -> None:
    """This machine, without anybody else."""
    library, is_right = look.c_library()
    say("python", python_minor())
    say("architecture", architecture())
    say("c_library", library)
    say("c_library_ok", int(is_right))
    say("memory", look.memory_bytes())
    for name, port in look.ports(os.environ.get("CLUSTER_AI_PORT_BASE", "")).items():
        say(f"port_{name}", f"{port} {'free' if look.is_free(port) else 'taken'} {look.owner_of(port)}".strip())


def line(asked: argparse.Namespace) -> None:
    """What a join line says, without its secret."""
    parsed = _line(asked)
    say("heads", " ".join(parsed.heads))
    say("fingerprint", parsed.fingerprint)


def probe(asked: argparse.Namespace) -> None:
    """The head of the join line, proved to be the right one."""
    head = Head(reach(_line(asked))) if asked.line_file else member.head_of(asked.home)
    reached = head.reached
    told = json.loads(head.read(words.PREFIX))
    say("head", f"{reached.host}:{reached.port}")
    say("own_address", reached.own_address)
    say("skew", int(reached.skew))
    say("head_version", _short(told, "version"))
    say("head_python", _short(told, "python"))


def bundle(asked: argparse.Namespace) -> None:
    """Name and size of what would be installed."""
    manifest = (
        offline.read_list(asked.offline, _fingerprint(asked))[0]
        if asked.offline
        else manifest_of(_head(asked), _target(), _note)
    )
    _check_target(manifest)
    say("name", manifest.name)
    say("version", manifest.version)
    say("bytes", manifest.size)
    say("files", len(manifest.files))


def get(asked: argparse.Namespace) -> None:
    """Fills a folder with the bundle, and with the list that says what it is."""
    folder: Path = asked.folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if asked.offline:
        manifest, small = offline.read_list(asked.offline, _fingerprint(asked))
        _check_target(manifest)
        offline.unpack(asked.offline, manifest, folder)
        signature, authority = small[words.SIGNATURE], small[words.AUTHORITY]
    else:
        head = _head(asked)
        manifest = manifest_of(head, _target(), _note)
        fetch(head, manifest, folder, _progress())
        signature = head.read(f"{words.PREFIX}/{_target()}/{words.SIGNATURE}", 4096)
        authority = head.reached.authority.encode()
    (folder / words.MANIFEST).write_bytes(manifest.to_bytes())
    (folder / words.SIGNATURE).write_bytes(signature)
    (folder / words.AUTHORITY).write_bytes(authority)
    say("name", manifest.name)


def carry(asked: argparse.Namespace) -> None:
    """Fetches as ``get`` does, and makes one file of it that can be carried to a machine like this one."""
    target, asked.offline = asked.offline, None
    get(asked)
    folder: Path = asked.folder
    manifest = words.parse((folder / words.MANIFEST).read_bytes())
    small = {name: (folder / name).read_bytes() for name in (words.MANIFEST, words.SIGNATURE, words.AUTHORITY)}
    offline.pack(target, small, {file.name: folder / file.name for file in manifest.files})
    say("file", target)


def build(asked: argparse.Namespace) -> None:
    """Unfolds what ``get`` left in the folder."""
    manifest = words.parse((asked.folder / words.MANIFEST).read_bytes())
    asked.prefix.mkdir(parents=True, exist_ok=True)
    say("name", unfold(asked.folder, manifest, asked.prefix, sys.executable))


def flip(asked: argparse.Namespace) -> None:
    """Has ``current`` lead to a version."""
    say("before", switch.flip(asked.prefix, asked.name))


def back(asked: argparse.Namespace) -> None:
    """Ends a trial that failed."""
    say("current", switch.roll_back(asked.prefix))


def tidy(asked: argparse.Namespace) -> None:
    """Keeps the version that runs and the one before."""
    for name in switch.prune(asked.prefix):
        say("removed", name)


def unit_file(asked: argparse.Namespace) -> None:
    """Prints the service of systemd that starts what is installed."""
    template = asked.template.read_text(encoding="utf-8")
    sys.stdout.write(unit.filled(template, prefix=str(asked.prefix), home=str(asked.home), user=asked.user))


def heard(asked: argparse.Namespace) -> None:
    """Whether the head has heard from this machine's agent, and could call it back."""
    told = member.agent_says(asked.home)
    head = told.get("head")
    head = head if isinstance(head, dict) else {}
    say("answers", int(bool(head.get("answers"))))
    reachable = head.get("reachable")
    say("reachable", "" if reachable is None else "yes" if reachable is True else "no")
    say("why", str(head.get("unreachable_because") or head.get("why_away") or "")[:300])


def upgrade(asked: argparse.Namespace) -> None:
    """As the head's order: fetches what the head has now, unfolds it and puts it on trial."""
    head = member.head_of(asked.home)
    manifest = manifest_of(head, _target(), _note)
    say("name", manifest.name)
    if manifest.name == switch.current(asked.prefix):
        return
    folder = asked.prefix / "fetched"
    fetch(head, manifest, folder, _progress())
    (folder / words.MANIFEST).write_bytes(manifest.to_bytes())
    unfold(folder, manifest, asked.prefix, sys.executable)
    switch.begin_trial(asked.prefix, manifest.name)
    shutil.rmtree(folder, ignore_errors=True)


STEPS: Final[dict[str, Callable[[argparse.Namespace], None]]] = {
    "look": look_at,
    "line": line,
    "probe": probe,
    "bundle": bundle,
    "get": get,
    "carry": carry,
    "build": build,
    "flip": flip,
    "back": back,
    "tidy": tidy,
    "unit": unit_file,
    "heard": heard,
    "upgrade": upgrade,
}


def main(argv: Sequence[str]) -> int:
    """Exit code of the step that ``argv`` names."""
    parser = argparse.ArgumentParser(prog="steps", description="Steps of the installer.")
    parser.add_argument("step", choices=sorted(STEPS))
    for name in ("--line-file", "--offline", "--folder", "--prefix", "--home", "--template"):
        parser.add_argument(name, type=Path)
    for name in ("--name", "--user", "--signer"):
        parser.add_argument(name, default="")
    asked = parser.parse_args(argv)
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Ended in the middle: what was begun is taken away on the way out, and children end, too.
        signal.signal(number, lambda *_: sys.exit(INTERRUPTED))
    try:
        STEPS[asked.step](asked)
    except _KNOWN as exc:
        _tell(f"{asked.step}: {exc}")
        return _exit_of(exc)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def say(key: str, value: object) -> None:
    """One answer; a value never has a second line."""
    sys.stdout.write(f"{key}={' '.join(str(value).split())}\n")
    sys.stdout.flush()


def _exit_of(error: Exception) -> int:
    if isinstance(error, OSError):
        # An address that does not answer is an OSError, too, and has the network's numbers.
        if error.errno in _FULL:
            return DISK
        return ERROR if error.filename else NETWORK
    return next(code for kind, code in _EXITS if isinstance(error, kind))


def _line(asked: argparse.Namespace) -> Line:
    return parse_line(asked.line_file.read_text(encoding="utf-8"))


def _fingerprint(asked: argparse.Namespace) -> str:
    if asked.signer:
        return str(asked.signer)
    if asked.line_file is not None:
        return _line(asked).fingerprint
    return words.sha256_of((asked.home / "secrets/tls/ca.crt").read_text(encoding="ascii"))


def _head(asked: argparse.Namespace) -> Head:
    """By a join line, or as a machine that has joined."""
    if asked.line_file is None:
        return member.head_of(asked.home)
    parsed = _line(asked)
    return Head(reach(parsed), parsed.token)


def _target() -> Target:
    return Target(python_minor(), architecture())


def _check_target(manifest: Manifest) -> None:
    made_for = Target(manifest.python, manifest.architecture)
    if made_for != _target():
        raise BadBundle(f"the bundle is for {made_for}, this machine has {_target()}")


def _short(told: Any, key: str) -> str:
    return str(told.get(key, ""))[:64] if isinstance(told, dict) else ""


def _note(text: str) -> None:
    _tell(f"note={text}")


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _progress() -> Callable[[int, int], None]:
    """Tells at most twice a second, and the end."""
    last = [-TELL_SECONDS]

    def told(done: int, total: int) -> None:
        now = time.monotonic()
        if now - last[0] >= TELL_SECONDS or done == total:
            last[0] = now
            _tell(f"bytes={done}/{total}")

    return told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
