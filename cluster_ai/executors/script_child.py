"""The process of one script: ``python script_child.py FOLDER``. Python's own library alone; it knows nothing of us.

Reads ``FOLDER/call.json``, runs ``FOLDER/job.py``, and writes ``FOLDER/result.json`` when a function answered.
"""

import ctypes
import importlib.util
import json
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1


def main(folder: Path) -> None:
    """Runs the script as a program, or calls one function of it."""
    # Whoever started this must not leave it behind.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    call = json.loads((folder / "call.json").read_text(encoding="utf-8"))
    program = folder / "job.py"
    if not call["function"]:
        sys.argv = [call["name"], *map(str, call["args"])]
        runpy.run_path(str(program), run_name="__main__")
        return
    found = getattr(_module(program), call["function"], None)
    if not callable(found):
        sys.exit(f"the file has no function {call['function']}")
    (folder / "result.json").write_text(_told(found(*call["args"], **call["kwargs"])), encoding="utf-8")


def _module(program: Path) -> Any:
    spec = importlib.util.spec_from_file_location("job", program)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    # By this name what it defines can be pickled by its own children.
    sys.modules["job"] = module
    spec.loader.exec_module(module)
    return module


def _told(result: Any) -> str:
    try:
        return json.dumps(result, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        return json.dumps(repr(result), ensure_ascii=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
