"""Beginnings of prompts that a node's cache still holds."""

from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.gateway.dialects.prefix import BLOCK, RETURN_SECONDS, Cache, chain_of

messages = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": st.text(max_size=3000)}),
    min_size=1,
    max_size=8,
)


def talk(*said: str) -> dict:
    return {"messages": [{"role": "user", "content": text} for text in said]}


@given(told=messages)
def test_the_same_prompt_is_known_whole(told: list) -> None:
    cache, chain = Cache(), chain_of({"messages": told})
    assert cache.cached_tokens(chain) == 0
    cache.saw(chain, room=1)
    assert cache.cached_tokens(chain) == chain.tokens


@given(told=messages, more=messages)
def test_a_next_turn_finds_the_turns_before(told: list, more: list) -> None:
    cache, before = Cache(), chain_of({"messages": told})
    cache.saw(before, room=1)
    assert cache.cached_tokens(chain_of({"messages": [*told, *more]})) >= before.tokens


@given(told=messages, other=messages)
def test_never_more_than_what_is_alike(told: list, other: list) -> None:
    cache = Cache()
    cache.saw(chain_of({"messages": told}), room=1)
    alike = 0
    for one, two in zip(told, other, strict=False):
        if one != two:
            break
        alike += 1
    most = (
        chain_of({"messages": other[: alike + 1]}).tokens
        if alike < len(other)
        else chain_of({"messages": other}).tokens
    )
    assert cache.cached_tokens(chain_of({"messages": other})) <= most


def test_a_long_document_is_shared_by_its_questions() -> None:
    cache, document = Cache(), "word " * 2000
    cache.saw(chain_of({"prompt": document + "first question"}), room=1)
    found = cache.cached_tokens(chain_of({"prompt": document + "second question"}))
    assert found >= (len(document) - BLOCK) / 4


def test_other_tools_are_another_beginning() -> None:
    cache = Cache()
    cache.saw(chain_of(talk("hi") | {"tools": [{"name": "a"}]}), room=1)
    assert cache.cached_tokens(chain_of(talk("hi"))) == 0


def test_as_many_prompts_are_held_as_there_is_room_for() -> None:
    cache = Cache()
    chains = [chain_of(talk(f"question {number}")) for number in range(4)]
    for chain in chains:
        cache.saw(chain, room=2)
    assert [cache.cached_tokens(chain) > 0 for chain in chains] == [False, False, True, True]


def test_a_conversation_takes_one_place_however_long_it_grows() -> None:
    cache = Cache()
    other = chain_of(talk("somebody else"))
    cache.saw(other, room=2)
    for turns in range(1, 10):
        cache.saw(chain_of(talk(*(f"turn {number}" for number in range(turns)))), room=2)
    assert cache.cached_tokens(other) == other.tokens


def test_what_a_prompt_takes_the_place_of_is_known_and_fades() -> None:
    cache, first, second = Cache(), chain_of(talk("one " * 400)), chain_of(talk("two"))
    assert cache.forgets(second, room=1, now=0.0) == 0.0, "there is nothing to forget"
    cache.saw(first, room=1, now=0.0)
    assert cache.forgets(second, room=2, now=0.0) == 0.0, "there is another place"
    assert cache.forgets(second, room=1, now=0.0) == first.tokens
    assert cache.forgets(second, room=1, now=RETURN_SECONDS) == first.tokens / 2
    assert cache.forgets(chain_of(talk("one " * 400, "and then?")), room=1, now=0.0) == 0.0, "it goes on with it"


def test_what_is_forgotten_leaves_nothing_behind() -> None:
    cache = Cache()
    for number in range(100):
        cache.saw(chain_of(talk("same start", f"end {number}")), room=3)
    cache.clear()
    assert cache.cached_tokens(chain_of(talk("same start", "end 99"))) == 0
    assert not cache._counts
    assert not cache._prompts
    assert not cache._kept


def test_no_prompt_is_no_chain() -> None:
    assert chain_of({"model": "m", "keep_alive": 0, "prompt": "", "messages": []}).links == ()


def test_a_chat_is_known_as_long_as_its_prompt_is_held() -> None:
    cache = Cache()
    cache.saw(chain_of(talk("one")), room=2, chat="a")
    cache.saw(chain_of(talk("two")), room=2)
    assert cache.had("a")
    assert not cache.had("b")
    assert not cache.had(""), "prompts of no chat belong together by nothing"
    cache.saw(chain_of(talk("one", "yes", "more")), room=2, chat="a")
    cache.saw(chain_of(talk("three")), room=2, chat="b")
    assert (cache.had("a"), cache.had("b")) == (True, True), "the oldest is forgotten first"
    cache.saw(chain_of(talk("four")), room=2, chat="c")
    assert not cache.had("a")
    cache.clear()
    assert not cache.had("c")
