"""Secrets of webhooks at rest."""

from pathlib import Path
from typing import Final, Self

from cluster_ai.core import sealing

NAME: Final = "notify.key"


class Seal(sealing.Seal):
    """Made by ``load``."""

    __slots__ = ()

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The key in ``folder``; made there when there is none.

        Raises:
            Misconfigured: the file holds something else.
        """
        return cls.at(folder / NAME, remove="all webhooks", again="remove the webhook and add it again")
