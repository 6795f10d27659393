"""The process of one test run: ``python test_child.py`` in its folder. Knows pytest and coverage, and nothing of us.

Reads ``test-call.json``; pytest writes ``junit.xml``, coverage ``coverage.json``.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

QUIET = ("-p", "no:cacheprovider", "-o", "junit_family=xunit2", "-ra")


def main() -> int:
    call = json.loads(Path("test-call.json").read_text(encoding="utf-8"))
    pytest = ["-m", "pytest", "--rootdir", ".", "--junit-xml", "junit.xml", *QUIET, *call["args"], *call["paths"]]
    if not call["coverage"]:
        return subprocess.run([sys.executable, *pytest], check=False).returncode  # noqa: S603 - in the sandbox
    sources = ",".join(call["coverage"])
    data = str(Path(tempfile.gettempdir(), "coverage"))
    measured = ["-m", "coverage", "run", "--data-file", data, f"--source={sources}"]
    code = subprocess.run([sys.executable, *measured, *pytest], check=False).returncode  # noqa: S603
    told = ["-m", "coverage", "json", "--data-file", data, "-q", "-o", "coverage.json"]
    subprocess.run([sys.executable, *told], check=False)  # noqa: S603
    return code


if __name__ == "__main__":
    sys.exit(main())
