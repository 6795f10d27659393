"""Times as people type them."""

from datetime import datetime

from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput


def moment(text: str) -> float:
    """Unix seconds of ``2026-11-22`` or ``2026-11-22T14:30``, by this machine's clock and time zone.

    Raises:
        InvalidInput: it is no time.
    """
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError) as exc:
        raise InvalidInput(t("audit.no_time", text=text), path="time") from exc
