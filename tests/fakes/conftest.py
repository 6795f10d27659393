"""One fleet for all tests of this folder; each finds it as at the start."""

from collections.abc import Iterator

import pytest

from tests.fakes.fleet import FakeNode, Fleet


@pytest.fixture(scope="session")
def running_fleet() -> Iterator[Fleet]:
    with Fleet(2) as fleet:
        yield fleet


@pytest.fixture
def fleet(running_fleet: Fleet) -> Fleet:
    running_fleet.default()
    return running_fleet


@pytest.fixture
def node(fleet: Fleet) -> FakeNode:
    return fleet.nodes[0]
