"""What a gateway carries when it starts: every module more is time in which a killed one is not back."""

import json
import subprocess
import sys

HEAVY = {
    "alembic",
    "aiosqlite",
    "cryptography",
    "distributed",
    "fastapi",
    "jwt",
    "opentelemetry",
    "redis",
    "sqlalchemy",
    "textual",
}


def test_heavy_parts_are_imported_by_those_who_want_them() -> None:
    code = "import backend.serve, backend.gateway.serve, json, sys; print(json.dumps(sorted(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert set(json.loads(found)) & HEAVY == set()
