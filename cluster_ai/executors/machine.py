"""The means that this machine's executors work with."""

import os
from pathlib import Path

from cluster_ai.core.paths import default_home
from cluster_ai.executors.means import Means
from cluster_ai.executors.sandbox.cell import Cell
from cluster_ai.executors.sandbox.ladder import Ladder
from cluster_ai.executors.stopping import Stop
from cluster_ai.executors.types import ExecutorSettings


class Machine:
    """The means of one attempt after the other. What a sandbox needs is looked for once, not with each of them."""

    def __init__(self, settings: ExecutorSettings) -> None:
        self.settings = settings
        self._ladders: dict[Path, Ladder] = {}

    def means(self, stop: Stop, folder: Path) -> Means:
        """For the ticket in ``folder``. No sandbox shows the tickets' folders nor the data directory."""
        near = folder.parent
        if near not in self._ladders:
            self._ladders = {near: Ladder(self.settings, hidden=(near, default_home(os.environ)))}
        return Means(self.settings, stop, Cell(self.settings, stop, self._ladders[near]))
