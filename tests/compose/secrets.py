"""The secrets of the production file, made by the lines that the how-to gives."""

import re
import subprocess
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/how-to/compose.md"


def draw_secrets(folder: Path) -> None:
    """The files that the page's lines make."""
    (lines,) = re.findall(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    done = subprocess.run(
        ["bash", "-eu", "-c", lines], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
