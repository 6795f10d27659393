"""A call as a node gets it. Pure."""

from typing import Any

import orjson

from cluster_ai.gateway.dialects.aggregate import streamed_body
from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.placing.place import Place


def outgoing(call: Call, place: Place) -> bytes:
    """The request as this node gets it: as it came, but for what must differ there."""
    changes: dict[str, Any] = {}
    known = place.upstream.model(call.model)
    if known is None or known.name != place.model.name:
        changes["model"] = place.model.name
    if call.num_ctx and place.model.loaded and place.model.context_length > call.num_ctx:
        # The copy in memory has room for more: asking for less would load it again for nothing.
        changes["options"] = {**call.fields["options"], "num_ctx": place.model.context_length}
    if call.path.streams is not None and not call.stream:
        return streamed_body(call.path.path, {**call.fields, **changes})
    return orjson.dumps({**call.fields, **changes}) if changes else call.body
