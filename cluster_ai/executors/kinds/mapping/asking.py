"""A row done by a model that is asked about it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from cluster_ai.executors.kind import Failed
from cluster_ai.executors.kinds.infer import answered, as_json
from cluster_ai.executors.kinds.mapping.checkpoint import Unit
from cluster_ai.executors.kinds.mapping.parameters import MapParameters
from cluster_ai.executors.kinds.mapping.rows import filled
from cluster_ai.executors.kinds.mapping.spreading import Work
from cluster_ai.executors.programs import Program
from cluster_ai.executors.prompt import Ask, ask, new_client


@contextmanager
def by_prompt(program: Program, parameters: MapParameters, rows: Sequence[Any]) -> Iterator[Work]:
    """Asks the model about one row; over connections that are used again."""
    asking, template, order = parameters.ask, parameters.prompt, program.order
    assert asking is not None
    assert template is not None

    def work(unit: Unit) -> Mapping[str, Any]:
        reply = answered(ask(asked(unit), client))
        answer = reply.text if asking.output_schema is None else as_json(reply.text)
        tokens = {"prompt": reply.prompt_tokens, "completion": reply.completion_tokens}
        return {"answer": answer, "node": reply.node, "tokens": tokens}

    def asked(unit: Unit) -> Ask:
        try:
            prompt = filled(template, rows[unit.first])
        except KeyError as exc:
            raise Failed("invalid_input", f"the row has no column {exc.args[0]}") from exc
        return asking.about(prompt, order)

    with new_client(order.gateway_key) as client:
        yield work
