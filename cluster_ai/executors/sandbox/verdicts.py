"""Whether a run went well, in the words of results."""

from cluster_ai.core.processes import how_it_ended
from cluster_ai.executors.failures import Failed
from cluster_ai.executors.sandbox.types import Ended

_SIGNALS = 128


def verdict(ended: Ended) -> Failed | None:
    """Why it did not go well."""
    if ended.reason:
        return Failed(ended.reason, ended.error)
    if ended.code:
        return Failed("exit_nonzero", f"it ended with {how(ended.code)}")
    return None


def how(code: int) -> str:
    """An exit code in words; those above 128 are signals, as shells and bubblewrap say them."""
    return how_it_ended(128 - code if code > _SIGNALS else code)
