"""``--watch``: the same look every second."""

import time
from collections.abc import Callable
from typing import Final

import click

from cluster_ai.cli.show import is_terminal

SECONDS: Final = 1.0


def repeated(look: Callable[[], None], *, watch: bool, clear: bool) -> None:
    """Looks once; with ``watch`` until Ctrl-C, on a terminal each time over the last look if ``clear``."""
    while True:
        if watch and clear and is_terminal():
            click.clear()
        look()
        if not watch:
            return
        time.sleep(SECONDS)
