"""A Python function in a process of its own: what it is given and what it answers, as JSON files in its folder."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.wire import parse_json
from cluster_ai.executors.files import open_plain
from cluster_ai.executors.kind import Failed, Said
from cluster_ai.executors.programs import Program
from cluster_ai.executors.rooms import Room
from cluster_ai.executors.sandbox.inside import HELPER
from cluster_ai.executors.sandbox.types import Ended

CHILD: Final = Path(__file__).with_name("call_child.py")
MOST_ANSWER: Final = 64 * 1024**2


def call(
    program: Program,
    target: str,
    said: Said,
    *,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    room: Room | None = None,
) -> tuple[Any, Ended]:
    """What ``module:function`` answers. A module that ends in ``.py`` is a file of the folder.

    Raises:
        Failed: it raised, was ended, or its answer is no JSON.
    """
    room = room or program.room
    # Before the first program runs in it: afterwards a link may lie where we would write.
    order = {"target": target, "args": list(args), "kwargs": dict(kwargs or {})}
    (room.work / "call.json").write_text(json.dumps(order), encoding="utf-8")
    (room.work / "call.json").chmod(0o600)
    ended = program.run_well(("python3", HELPER), said, helper=CHILD, room=room)
    with open_plain(room.work / "answer.json") as file:
        text = file.read(MOST_ANSWER + 1)
    if len(text) > MOST_ANSWER:
        raise Failed("exit_nonzero", f"its answer is larger than {MOST_ANSWER} bytes: write it to a file")
    try:
        return parse_json(text), ended
    except InvalidInput as exc:
        raise Failed("not_json", exc.message) from exc
