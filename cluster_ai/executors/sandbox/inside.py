"""Where things lie inside of a sandbox: names that no machine has, so that they cover nothing of its programs."""

from pathlib import Path
from typing import Final

FOLDER: Final = "/ticket"
TMP: Final = "/tmp"  # noqa: S108 - a folder of its own
OTHER_TMP: Final = "/ticket-tmp"
"""Where this Python itself lies below /tmp."""
HELPER: Final = "/ticket-helper.py"
SOCKET: Final = "/ticket-reach.sock"
DOOR: Final = "/ticket-reach.py"
DOOR_FILE: Final = Path(__file__).with_name("reach_inside.py")
"""What lies there."""
THROUGH_THE_DOOR: Final = ("python3", "-I", "-S", DOOR, SOCKET, "--")
"""Before the command line of a program that is let out."""
