"""Chat through the API, so that the dashboard stays on one origin; the gateway does the work."""

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from backend.policy import API
from backend.relay import NDJSON
from backend.routed import PolicedRoute, TheCaller, ThePlane
from backend.traced import trace_of
from cluster_ai.core.wire import ModelName, StrictModel

router = APIRouter(route_class=PolicedRoute, tags=["chat"])


class ChatMessage(StrictModel):
    """As in Ollama's API. ``images`` are base64."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = Field(default="", max_length=1_000_000)
    thinking: str | None = Field(default=None, max_length=1_000_000)
    images: list[str] | None = Field(default=None, max_length=16)
    tool_calls: list[dict[str, Any]] | None = Field(default=None, max_length=64)
    tool_name: str | None = Field(default=None, max_length=128)


class Chat(StrictModel):
    """Ollama's ``/api/chat`` body."""

    model: ModelName
    messages: list[ChatMessage] = Field(min_length=1, max_length=1000)
    stream: bool = True
    options: dict[str, Any] = Field(default_factory=dict, max_length=64)
    keep_alive: str | int | float | None = None
    format: str | dict[str, Any] | None = None
    think: bool | str | None = None
    tools: list[dict[str, Any]] | None = Field(default=None, max_length=128)


@router.post(
    f"{API}/chat",
    response_class=Response,
    responses={200: {"content": {NDJSON: {"schema": {"type": "string"}}}, "description": "Ollama's lines."}},
)
async def chat(body: Chat, request: Request, plane: ThePlane, _caller: TheCaller) -> Response:
    """Asks a model. Lines are Ollama's; X-Cluster-Node and X-Cluster-Why say who answered. Leaving stops the model."""
    asked = body.model_dump(mode="json", exclude_none=True)
    return plane.calls.chat(asked, request_id=request.state.request_id, trace=trace_of(request.scope))
