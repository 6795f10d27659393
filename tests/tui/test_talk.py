"""A talk with a model, without a screen."""

from cluster_ai.client.calls import ServedBy
from cluster_ai.tui.talk import REMEMBERED, Talk, TurnState, talkative
from cluster_ai.views import ClusterModelView


def test_an_answer_is_read_line_by_line_with_its_figures() -> None:
    turn = Talk(model="tiny").ask("hello", 10.0)
    turn.read({"message": {"content": ""}}, 10.5)
    assert turn.first_after is None
    turn.read({"message": {"content": "Good "}}, 11.0)
    turn.read({"message": {"content": "day"}, "done": True, "eval_count": 8, "eval_duration": 250_000_000}, 12.0)
    assert (turn.said, turn.first_after, turn.speed) == ("Good day", 1.0, 32.0)
    turn.end(TurnState.DONE)
    turn.end(TurnState.FAILED, "too late")
    assert (turn.state, turn.problem) == (TurnState.DONE, "")


def test_lines_that_are_not_as_they_should_be_say_nothing() -> None:
    turn = Talk(model="tiny").ask("hello", 0.0)
    for line in ({}, {"message": "text"}, {"message": {"content": None}}, {"eval_count": "8", "eval_duration": 0}):
        turn.read(line, 1.0)
    assert (turn.said, turn.first_after, turn.speed, turn.served_by) == ("", None, None, ServedBy())


def test_what_was_answered_is_told_again_and_what_failed_is_not() -> None:
    talk = Talk(model="tiny")
    first = talk.ask("one", 0.0)
    first.read({"message": {"content": "1"}}, 0.0)
    first.end(TurnState.STOPPED)
    talk.ask("two", 0.0).end(TurnState.FAILED, "no node")
    talk.ask("three", 0.0)
    said = [(message["role"], message["content"]) for message in talk.body()["messages"]]
    assert said == [("user", "one"), ("assistant", "1"), ("user", "three")]


def test_only_so_much_is_kept() -> None:
    talk = Talk(model="tiny")
    for number in range(REMEMBERED + 5):
        talk.ask(str(number), 0.0).end(TurnState.DONE)
    assert [turn.asked for turn in talk.turns][:: REMEMBERED - 1] == ["5", str(REMEMBERED + 4)]


def test_models_for_embeddings_are_not_talked_to_and_a_choice_is_kept() -> None:
    models = [
        ClusterModelView(name="small", capabilities=("completion",)),
        ClusterModelView(name="vectors", family="bert"),
        ClusterModelView(name="also-vectors", capabilities=("embedding",)),
        ClusterModelView(name="smollm2:135m"),
    ]
    names = talkative(models)
    assert names == ["small", "smollm2:135m"]
    talk = Talk()
    talk.choose(names)
    assert talk.model == "smollm2:135m"
    talk.choose_next(names)
    talk.choose(names)
    assert talk.model == "small"
    talk.choose([])
    talk.choose_next([])
    assert talk.model == ""
