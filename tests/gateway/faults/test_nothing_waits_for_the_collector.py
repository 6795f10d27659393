"""Calls and connections are freed when they are over. In cycles they would pile up until everything is searched."""

import gc
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.fakes.fleet import Fleet
from tests.gateway.door import gateway

pytestmark = pytest.mark.real

CALLS = 20
FAULTS = {
    "a stream": {},
    "breaks off": {"die_after": 3},
    "writes garbage": {"malformed_at": 2},
}


def left_in_cycles(act: Callable[[], object]) -> Counter[str]:
    """What nobody held any more and no count freed, by type, after many times ``act``."""
    gc.collect()
    gc.disable()
    try:
        for _ in range(CALLS):
            act()
        time.sleep(0.3)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found = Counter(type(thing).__name__ for thing in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    return found


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("stream", [True, False])
def test_nothing_of_a_call_is_left_however_it_ends(fleet: Fleet, fault: str, stream: bool) -> None:
    with gateway(*fleet.nodes[:2], breaker_failures=100) as door:
        for _ in range(3):
            door.chat(stream=stream)
        door.nodes[0].set(**FAULTS[fault])
        door.nodes[1].set(**FAULTS[fault])
        door.chat(stream=stream)
        found = left_in_cycles(lambda: door.chat(stream=stream))
        # Probes and what looks at the state come and go meanwhile.
        assert sum(found.values()) < 5 * CALLS, found.most_common(12)
