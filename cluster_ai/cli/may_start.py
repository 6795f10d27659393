"""Whether a cluster with these settings would start: asked before anything is started or written."""

import asyncio
import os
from typing import TYPE_CHECKING

from cluster_ai.cli.words import t
from cluster_ai.core.errors import Misconfigured

if TYPE_CHECKING:
    from cluster_ai.settings import Settings


def refuse_open(now: "Settings", bind: str | None) -> None:
    """An open head that nobody guards does not start: told before anything is written.

    Raises:
        Misconfigured: nobody has chosen a password.
    """
    from cluster_ai.accounts.first import has_password
    from cluster_ai.core.addresses import is_loopback

    if bind is None or is_loopback(bind):
        return
    folder = now.paths.secrets
    if not asyncio.run(has_password(now.effective_database_url, folder=folder, env=os.environ)):
        raise Misconfigured(t("init.no_password"), hint=t("init.a_password", file=folder / "admin-password"))


def refuse_start(settings: "Settings") -> None:
    """A start that could not work is refused here already.

    Raises:
        NoSpace, PortInUse: with what to do.
    """
    from cluster_ai.parts import parts
    from cluster_ai.supervisor.preflight import refuse

    refuse(settings.paths, parts(settings))
