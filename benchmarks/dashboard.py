"""How fast the dashboard's pages are there, by the figures of Lighthouse: ``./manager.sh bench dashboard``.

Starts a cluster of its own and opens each page in Chromium with an empty cache: as a desktop in the LAN, as a phone in
the LAN (processor slowed four times), and as Lighthouse's mobile run does (that phone on slow 4G). Bars: what web.dev
calls good, LCP 2.5 s and CLS 0.1, and TBT 200 ms (https://web.dev/articles/vitals, https://web.dev/articles/tbt).

    python -m benchmarks.dashboard [--rounds 3] [--check]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.cluster.conftest import Cluster, running  # noqa: E402 - the path is set above

PASSWORD = "a password of the benchmark 7"
GOOD = {"lcp": 2500.0, "tbt": 200.0, "cls": 0.1}


def measured(cluster: Cluster, rounds: int) -> list[dict[str, Any]]:
    """Each page on each machine, medians: milliseconds, bytes, counts."""
    env = os.environ | {
        "CLUSTER_AI_URL": f"http://localhost:{cluster.ports.backend}",
        "CLUSTER_AI_USER": "admin",
        "CLUSTER_AI_PASSWORD": PASSWORD,
        "CLUSTER_AI_ROUNDS": str(rounds),
    }
    command = ["npm", "run", "--silent", "e2e:vitals"]
    done = subprocess.run(command, cwd=ROOT / "web-dashboard", env=env, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def shown(rows: list[dict[str, Any]]) -> str:
    """A table in Markdown: the pages of one machine below each other, and how many of them are good."""
    lines: list[str] = []
    for machine in dict.fromkeys(row["machine"] for row in rows):
        lines += [f"\n| {machine} | FCP, ms | LCP, ms | TBT, ms | CLS | KiB | requests |", "| --- |" + " --- |" * 6]
        lines += [
            f"| `{row['page']}` | {row['fcp']:.0f} | {row['lcp']:.0f} | {row['tbt']:.0f} | {row['cls']:.3f}"
            f" | {row['bytes'] / 1024:.0f} | {row['requests']} |"
            for row in rows
            if row["machine"] == machine
        ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="end with 1 where a page in the LAN is not good")
    given = parser.parse_args()
    subprocess.run([ROOT / "scripts" / "setup" / "dashboard.sh", "--to-work"], check=True)
    with tempfile.TemporaryDirectory(prefix="cluster-ai-bench-") as folder:
        secret = Path(folder, "password")
        secret.write_text(PASSWORD, encoding="utf-8")
        secret.chmod(0o600)
        with running(Path(folder, "home"), CLUSTER_AI_ADMIN_PASSWORD_FILE=str(secret)) as cluster:
            rows = measured(cluster, given.rounds)
    print(shown(rows))
    bad = [row for row in rows if "LAN" in row["machine"] and any(row[name] > most for name, most in GOOD.items())]
    for row in bad:
        print(f"not good: {row['machine']} {row['page']}", file=sys.stderr)
    return int(given.check and bool(bad))


if __name__ == "__main__":
    sys.exit(main())
