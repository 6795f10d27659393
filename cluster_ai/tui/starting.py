"""How the terminal interface begins: a child of its own reads the settings while this process imports the rest.

What only they need to be read never comes into its memory, and the first picture comes sooner.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster_ai.core.errors import ClusterError
from cluster_ai.core.i18n import Lang, pick
from cluster_ai.core.paths import Home
from cluster_ai.core.sentences import told


@dataclass(frozen=True, slots=True)
class Place:
    """Where this machine's own cluster is, and the language that its settings name."""

    backend_url: str
    home: str
    lang: Lang | None

    @property
    def paths(self) -> Home:
        return Home(Path(self.home))


@dataclass(frozen=True, slots=True)
class Reading:
    """A child that reads the settings, and the end of a pipe that it tells them through."""

    pid: int
    pipe: int

    def place(self) -> Place:
        """Waits for the child, once.

        Raises:
            Misconfigured: a setting is wrong.
        """
        with os.fdopen(self.pipe, "rb") as told:
            said = told.read()
        os.waitpid(self.pid, 0)
        # What was wrong is found and told here, where there is somebody to tell.
        return Place(**json.loads(said)) if said else read()


def read() -> Place:
    """Reads the settings here.

    Raises:
        Misconfigured: a setting is wrong.
    """
    from cluster_ai.settings import load

    settings = load()
    return Place(settings.backend_url, str(settings.home), settings.lang)


def begin() -> Reading:
    """Starts the child. To be called before anything that starts a thread is imported."""
    pipe, inner = os.pipe()
    pid = os.fork()
    if pid == 0:
        _tell(inner)
    os.close(inner)
    return Reading(pid, pipe)


def _tell(pipe: int) -> None:
    """The child's whole life; silent when something is wrong."""
    try:
        os.write(pipe, json.dumps(asdict(read())).encode())
    finally:
        # Nothing of the parent's is closed or written a second time.
        os._exit(0)


def main(argv: Sequence[str]) -> int:
    """Runs until ``q``; answers the exit code. What keeps it from beginning is told on stderr."""
    reading = begin()
    from cluster_ai.tui.app import build, parse

    try:
        app = build(parse(argv), reading.place())
    except ClusterError as exc:
        words = told(exc, pick())
        sys.stderr.write("\n".join(filter(None, (f"{words.line} ({exc.code})", words.hint))) + "\n")
        return 1
    app.run()
    return app.return_code or 0
