"""No sandbox: for trusted tickets on a machine that trusts their kind. Limits for each process all the same."""

from dataclasses import dataclass
from typing import Final

from cluster_ai.executors.failures import Failed
from cluster_ai.executors.sandbox.inside import HELPER
from cluster_ai.executors.sandbox.limiting import limited
from cluster_ai.executors.sandbox.types import Command, Job
from cluster_ai.executors.sandbox.view import environment

BARE: Final = "none"


@dataclass(frozen=True, slots=True)
class Bare:
    """The program sees and may do whatever our own user may."""

    name: str = BARE

    def command(self, job: Job, uid: int | None) -> Command:  # noqa: ARG002 - the program stays our own user's
        if job.socket or job.image:
            raise Failed("sandbox_unavailable", "hosts and images need a sandbox; this ticket runs without one")
        env = {**environment(str(job.room.tmp)), **job.env}
        argv = [str(job.helper) if each == HELPER and job.helper else each for each in job.argv]
        tied = ("setpriv", "--pdeathsig", "KILL", "--")
        words = (*tied, *limited(job.bounds, alone=False), *argv)
        return Command(words, env, alone=False, folder=str(job.room.work))
