"""Tools for a model that has none are left out with a warning, or refused; pictures are always refused."""

from typing import Any

import pytest

from cluster_ai.core.errors import InvalidInput
from cluster_ai.gateway.dialects.tools import fitted, without_thinking
from cluster_ai.gateway.types import ToolsPolicy

TOOLS = [{"type": "function", "function": {"name": "paint", "parameters": {}}}]
SAYS = [{"role": "user", "content": "hi"}]
PLAIN = ("completion",)


def test_tools_are_dropped_with_a_warning() -> None:
    fields = {"model": "m", "messages": SAYS, "tools": TOOLS, "tool_choice": "auto", "seed": 1}
    done = fitted(fields, model="smollm2:135m", can=PLAIN)
    assert done.fields == {"model": "m", "messages": SAYS, "seed": 1}
    assert done.header == {"X-Cluster-Warning": "tools dropped: smollm2:135m has none"}
    assert "tools" in fields


def test_strict_refuses_them() -> None:
    with pytest.raises(InvalidInput, match="does not support tools") as refused:
        fitted({"tools": TOOLS}, model="m", can=PLAIN, policy=ToolsPolicy.STRICT)
    assert refused.value.path == "tools"


@pytest.mark.parametrize(
    ("fields", "can"),
    [
        ({"tools": TOOLS}, ("completion", "tools")),
        ({"tools": TOOLS}, ()),
        ({"tools": []}, PLAIN),
        ({"messages": SAYS}, PLAIN),
        ({"messages": "no list"}, PLAIN),
    ],
)
def test_what_the_model_can_is_not_touched(fields: dict[str, Any], can: tuple[str, ...]) -> None:
    done = fitted(fields, model="m", can=can, policy=ToolsPolicy.STRICT)
    assert done.fields is fields
    assert done.header == {}


OPENAI_IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}
RESULT = {"type": "tool_result", "tool_use_id": "x", "content": [{"type": "image", "source": {}}]}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"images": ["iVBO"]}, "images"),
        ({"messages": [*SAYS, {"role": "user", "images": ["iVBO"]}]}, "messages.1.images"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}, OPENAI_IMAGE]}]}, "messages.0.content.1"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages.0.content.0"),
        ({"messages": [{"role": "user", "content": [RESULT]}]}, "messages.0.content.0.content.0"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input.0.content.0"),
    ],
)
def test_pictures_for_a_blind_model_are_refused_where_they_stand(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput, match="does not take images") as refused:
        fitted(fields, model="m", can=PLAIN)
    assert refused.value.path == path
    assert fitted(fields, model="m", can=("completion", "vision")).fields is fields


def test_thinking_is_advice_where_it_was_translated() -> None:
    assert without_thinking({"think": True, "a": 1}, model="m", can=PLAIN).fields == {"a": 1}
    assert without_thinking({"think": True}, model="m", can=PLAIN).warnings == ("thinking dropped: m has none",)
    for can in ((), ("thinking",)):
        assert without_thinking({"think": True}, model="m", can=can).fields == {"think": True}
    assert without_thinking({"think": False}, model="m", can=PLAIN).fields == {"think": False}
