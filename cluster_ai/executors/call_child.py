"""The process of one function: ``python call_child.py`` in its folder. Python's own library alone; it knows nothing
of us. Reads ``call.json`` and writes ``answer.json``.
"""

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    call = json.loads(Path("call.json").read_text(encoding="utf-8"))
    name, _, function = call["target"].partition(":")
    found: Any = _of_file(name) if name.endswith(".py") else importlib.import_module(name)
    for part in function.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        sys.exit(f"{name} has no function {function}")
    answer = found(*call["args"], **call["kwargs"])
    try:
        text = json.dumps(answer, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as exc:
        sys.exit(f"{function} answered what JSON cannot hold: {exc}")
    Path("answer.json").write_text(text, encoding="utf-8")


def _of_file(name: str) -> Any:
    # Beside the file lie others that it may import; beside this program none.
    sys.path[0] = str(Path.cwd())
    spec = importlib.util.spec_from_file_location("job", name)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["job"] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
