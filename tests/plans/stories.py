"""Tests that are stories in the plans room, told on each database."""

from collections.abc import Callable

from tests.plans.conftest import Story, Tell


def in_room(story: Story) -> Callable[[Tell], None]:
    """A test of the story, on each database."""

    def test(tell: Tell) -> None:
        tell(story)

    test.__name__, test.__doc__ = story.__name__, story.__doc__
    return test
