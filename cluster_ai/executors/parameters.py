"""Parameters as they come in, made into the types of their kind."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.wire import dump_json

M = TypeVar("M", bound=BaseModel)


def read(model: type[M], given: Mapping[str, Any]) -> M:
    """``given`` as ``model``, strictly: a text is no number, an unknown key is refused.

    Raises:
        InvalidInput: with the first of what is wrong, and where.
    """
    try:
        # By way of JSON: only there are lists what a tuple is made of, and nothing else is coerced.
        return model.model_validate_json(dump_json(dict(given)))
    except ValidationError as exc:
        error = exc.errors(include_url=False, include_context=False)[0]
        path = ".".join(str(part) for part in error["loc"])
        raise InvalidInput(error["msg"].removeprefix("Value error, "), path=path) from exc
    except (TypeError, ValueError) as exc:
        raise InvalidInput(f"the parameters are not JSON: {exc}") from exc
