"""Makes ``docs/reference/doctor.md``: ``CLUSTER_AI_LANG=en python -m cluster_ai.cli.findings_page``."""

from pathlib import Path
from typing import Final

from cluster_ai.cli.findings import FINDINGS
from cluster_ai.cli.words import t

TARGET: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "doctor.md"
HEAD: Final = """# The doctor's findings
Made by `python -m cluster_ai.cli.findings_page`; do not edit by hand.

`cluster-ai doctor` (also `diag`) checks each dependency, the foundations first. Every finding says what was looked at
(`id`), what was seen (`evidence`), its stable name (`code`), who mends it (`fix`) and with which command.

`--fix safe` does what is `safe`: nothing that a person could mind. For what `asks`, the command is shown, and a person
decides. `--json` has all of it under `checks`, with `schema_version`.

`--bundle FILE` writes a `tar.gz` for a bug report: versions, findings, settings, and the last 200 lines of each log.
Secrets go by their shape, by the name of their field, and by their value: whatever stands in a file of secrets is
looked for everywhere. Addresses, host names in URLs, and the names of this machine and its user become marks.
Names of models, nodes and machines stay. Nothing is sent anywhere: look into the file, then send it yourself.

Operators see the same on the dashboard's page *Doctor* (`/doctor`), from `GET /api/v1/program/doctor?lang=en`. A
process of its own looks, one at a time and for 30 s at most; nothing is mended from there, and secrets are masked.

| code | what it says | who mends it |
| --- | --- | --- |
"""


def render() -> str:
    """The page."""
    return HEAD + "".join(f"| `{code}` | {t(f'doctor.code.{code}')} | {fix} |\n" for code, fix in FINDINGS.items())


def write() -> None:
    TARGET.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    write()
