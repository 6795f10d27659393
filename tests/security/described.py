"""The API's own description of itself, made once for all that goes by it."""

from typing import Any, Final

from backend.app import create_api

DESCRIBED: Final[dict[str, Any]] = create_api().openapi()
