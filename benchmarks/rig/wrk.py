"""wrk, run once: the same request over and over on some connections."""

import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rig.nginx import program

SCRIPT = """
wrk.method = "POST"
wrk.path = "{path}"
wrk.headers["Content-Type"] = "application/json"
{headers}
wrk.body = [==[{body}]==]
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\nRESULT {{"seconds":%f,"requests":%d,"failed":%d,"p50":%f,"p99":%f,"max":%f}}\\n',
    summary.duration / 1e6, summary.requests, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1e6, latency:percentile(99) / 1e6, latency.max / 1e6))
end
"""


@dataclass(frozen=True)
class Ran:
    """What one run told. Seconds; ``failed``: broken connections, timeouts, and answers that are not 2xx or 3xx."""

    seconds: float
    requests: int
    failed: int
    p50: float
    p99: float
    max: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def wrk(url: str, body: str, *, connections: int, seconds: float, headers: dict[str, str] | None = None) -> Ran:
    """One thread, ``connections`` of them, for that long. ``url`` with its path."""
    path = re.sub(r"^https?://[^/]+", "", url)
    rows = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in (headers or {}).items())
    with tempfile.TemporaryDirectory(prefix="cluster-ai-wrk-") as folder:
        script = Path(folder, "post.lua")
        script.write_text(SCRIPT.format(path=path, body=body, headers=rows), encoding="utf-8")
        told = subprocess.run(
            [program("wrk"), "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "20s", "-s", script, url],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    found = re.search(r"^RESULT (.*)$", told.stdout, re.MULTILINE)
    if found is None:
        raise SystemExit(f"wrk said: {told.stdout}{told.stderr}")
    return Ran(**json.loads(found[1]))


def version() -> str:
    """As it names itself."""
    told = subprocess.run([program("wrk"), "-v"], capture_output=True, text=True, check=False)
    return (told.stdout + told.stderr).split("[", maxsplit=1)[0].strip()
