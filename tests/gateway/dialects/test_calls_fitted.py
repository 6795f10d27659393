"""A call becomes what its nodes and its model can take; what needs no change is the very same call."""

import json
from dataclasses import replace
from typing import Any

import pytest

from cluster_ai.core.errors import InvalidInput, Unsupported
from cluster_ai.gateway.dialects.call import Call, Sender, read_call
from cluster_ai.gateway.dialects.fitting import Serving, fit, needs_fitting, shared_by_user
from cluster_ai.gateway.dialects.paths import MESSAGES, RELAYED, RESPONSES, Path
from cluster_ai.gateway.types import ToolsPolicy
from cluster_ai.keys.types import ANONYMOUS

SAYS = [{"role": "user", "content": "hi"}]
TOOLS = [{"name": "paint", "input_schema": {"type": "object"}}]
OLD = Serving("old", "0.12.6", ("completion",))
NEW = Serving("new", "0.33.0", ("completion",))
CHAT = RELAYED["/api/chat"]


def call(path: Path, **fields: Any) -> Call:
    return read_call(path, json.dumps({"model": "m", "max_tokens": 5, **fields}).encode())


def fitted(made: Call, *nodes: Serving, policy: ToolsPolicy = ToolsPolicy.DROP) -> Call:
    return fit(made, nodes, policy=policy).call


def test_a_plain_call_is_not_even_looked_at() -> None:
    assert not needs_fitting(call(CHAT, messages=SAYS))
    assert not needs_fitting(call(RELAYED["/api/embed"], input="x", tools=TOOLS))
    assert needs_fitting(call(CHAT, messages=SAYS, tools=TOOLS))


def test_a_message_goes_on_as_it_came_where_all_nodes_speak_it() -> None:
    made = call(MESSAGES, messages=SAYS)
    assert fitted(made, NEW, NEW) is made


def test_a_stream_that_is_to_survive_its_node_is_translated() -> None:
    lasting = Sender(caller=replace(ANONYMOUS, resume=True))
    assert fitted(replace(call(MESSAGES, messages=SAYS, stream=True), sender=lasting), NEW).path is CHAT
    assert fitted(replace(call(MESSAGES, messages=SAYS), sender=lasting), NEW).path is MESSAGES


@pytest.mark.parametrize("nodes", [(OLD,), (OLD, NEW), ()])
def test_it_is_translated_where_one_does_not(nodes: tuple[Serving, ...]) -> None:
    done = fit(call(MESSAGES, messages=SAYS, stream=True), nodes, policy=ToolsPolicy.DROP)
    assert (done.call.path, done.call.came_to, done.call.stream, done.call.model) == (CHAT, "/v1/messages", True, "m")
    assert json.loads(done.call.body) == done.call.fields
    assert done.call.fields["messages"] == SAYS
    assert done.told is not None


def test_one_conversation_has_one_chain_however_it_is_asked() -> None:
    translated = fitted(call(MESSAGES, messages=SAYS), OLD)
    native = read_call(CHAT, json.dumps({"model": "m", "messages": SAYS}).encode())
    assert translated.chain.links == native.chain.links != ()


def test_what_a_model_lacks_is_dropped_before_and_after_translation() -> None:
    asked = call(MESSAGES, messages=SAYS, tools=TOOLS, thinking={"type": "enabled"})
    done = fit(asked, [OLD], policy=ToolsPolicy.DROP)
    assert done.warnings == ("tools dropped: m has none", "thinking dropped: m has none")
    assert not {"tools", "think"} & done.call.fields.keys()
    passed = fit(asked, [NEW], policy=ToolsPolicy.DROP)
    assert passed.warnings == ("tools dropped: m has none",)
    assert "tools" not in json.loads(passed.call.body)
    with pytest.raises(InvalidInput):
        fitted(asked, OLD, policy=ToolsPolicy.STRICT)


def test_a_forced_tool_is_no_tool_to_the_model() -> None:
    choice = {"type": "tool", "name": "paint"}
    done = fit(call(MESSAGES, messages=SAYS, tools=TOOLS, tool_choice=choice), [OLD], policy=ToolsPolicy.STRICT)
    assert done.told is not None
    assert (done.told.forced, done.warnings) == ("paint", ())


def test_responses_go_only_to_those_who_speak_them() -> None:
    made = call(RESPONSES, input="x")
    assert fitted(made, NEW) is made
    assert fitted(made, OLD, NEW).sender.pins == {"new"}
    assert fitted(made) is made
    with pytest.raises(Unsupported, match=r"0\.13\.3"):
        fitted(made, OLD)


def test_users_of_one_key_take_turns() -> None:
    made = call(MESSAGES, messages=SAYS, metadata={"user_id": "u1"})
    keyed = replace(made, sender=Sender(caller=replace(ANONYMOUS, key_id="k")))
    assert shared_by_user(keyed).sender.fair == "k/u1"
    assert shared_by_user(made) is made
    vouched = replace(keyed, sender=replace(keyed.sender, fair="k/other"))
    assert shared_by_user(vouched) is vouched
