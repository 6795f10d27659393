"""A result that fits: what is too large for a row of a database is a file."""

import io
from pathlib import Path

from cluster_ai.core.wire import dump_json
from cluster_ai.executors.contract import MOST_RESULT_BYTES, Result
from cluster_ai.executors.files import keep
from cluster_ai.executors.rooms import Room

MOST_ERROR = 4000
VALUE = "value.json"


def fitted(result: Result, folder: Path) -> Result:
    """``result``, its value an artefact when it has more than 64 KiB as JSON."""
    result = result.model_copy(update={"error": result.error[:MOST_ERROR]})
    data = dump_json(result.value)
    if len(data) <= MOST_RESULT_BYTES:
        return result
    artefact = keep(Room(folder), VALUE, io.BytesIO(data))
    value = {"artefact": VALUE, "bytes": artefact.bytes, "sha256": artefact.sha256}
    return result.model_copy(update={"value": value, "artefacts": (*result.artefacts, artefact)})
