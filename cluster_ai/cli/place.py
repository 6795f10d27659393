"""Which cluster the verbs speak of: the data directory, and the ports that its supervisor was started with."""

import contextlib
import os
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Final

from cluster_ai.core.paths import Home, default_home

if TYPE_CHECKING:
    from cluster_ai.client import Client
    from cluster_ai.settings import Settings

VARIABLE: Final = "CLUSTER_AI_PORT_BASE"
_NAME: Final = "port-base"


def home() -> Home:
    """The data directory; found without reading a setting."""
    return Home(default_home(os.environ))


def settings() -> "Settings":
    """The settings, with the ports of the cluster that runs in this data directory.

    Raises:
        Misconfigured: a setting is wrong.
    """
    recall(home(), os.environ)
    from cluster_ai.settings import load

    return load()


def client() -> "Client":
    """This machine's own cluster.

    Raises:
        Unavailable: none was ever started.
    """
    from cluster_ai.client import Client

    return Client.local(settings())


def remember(where: Home, base: int | None) -> None:
    """Leaves the port base of a running cluster for later verbs; None: the ports are those of the settings."""
    file = where.run / _NAME
    if base is None:
        file.unlink(missing_ok=True)
        return
    draft = file.with_name(f".{_NAME}.{os.getpid()}")
    draft.write_text(f"{base}\n", encoding="ascii")
    draft.replace(file)


def forget(where: Home) -> None:
    """The cluster has ended."""
    with contextlib.suppress(OSError):
        (where.run / _NAME).unlink(missing_ok=True)


def recall(where: Home, env: MutableMapping[str, str]) -> None:
    """Takes over the port base that the running cluster was started with: it knows better than the environment."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = (where.run / _NAME).read_text(encoding="ascii").strip()
        if text.isdecimal():
            env[VARIABLE] = text
