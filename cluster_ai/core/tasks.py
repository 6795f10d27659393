"""Where the tasks of a loop stand."""

import asyncio
from pathlib import Path
from typing import Any, Final

_DEEPEST: Final = 4


def where_tasks_stand() -> list[str]:
    """Every other task by name, and the calls it stands in, innermost first: they tell what holds up an end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return sorted(f"{task.get_name()}: {' < '.join(_calls(task.get_coro())[:_DEEPEST])}" for task in others)


def _calls(awaited: Any) -> list[str]:
    calls: list[str] = []
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None:
            code = frame.f_code
            calls.insert(0, f"{code.co_qualname} ({Path(code.co_filename).name}:{frame.f_lineno})")
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return calls
