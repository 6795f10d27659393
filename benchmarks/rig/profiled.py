"""A process of the cluster under the profiler: ``python -m benchmarks.rig.profiled OUT gateway``.

When it ends, ``OUT`` holds the profile for ``python -m pstats OUT``. The profiler counts every call and so makes small
functions look dear. When ``OUT`` ends in ``.stacks`` it holds how often each stack of Python frames was seen instead,
one a line, most often first: a timer of processor time interrupts the process, which costs it next to nothing.
"""

import cProfile
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from backend.serve import main

PAUSE = 0.002
"""Seconds of processor time."""
DEPTH = 60


def stack_of(frame: FrameType | None) -> tuple[str, ...]:
    rows = []
    while frame is not None and len(rows) < DEPTH:
        code = frame.f_code
        rows.append(f"{Path(code.co_filename).parent.name}/{Path(code.co_filename).name}:{code.co_name}")
        frame = frame.f_back
    return tuple(reversed(rows))


def run(out: Path, argv: list[str]) -> int:
    if out.suffix != ".stacks":
        profile = cProfile.Profile()
        code = profile.runcall(main, argv)
        profile.dump_stats(out)
        return code
    seen: Counter[tuple[str, ...]] = Counter()
    signal.signal(signal.SIGPROF, lambda _, frame: seen.update([stack_of(frame)]))
    signal.setitimer(signal.ITIMER_PROF, PAUSE, PAUSE)
    code = main(argv)
    signal.setitimer(signal.ITIMER_PROF, 0)
    out.write_text("".join(f"{count} {';'.join(stack)}\n" for stack, count in seen.most_common()), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2:]))
