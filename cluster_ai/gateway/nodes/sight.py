"""What is seen of a node: itself, its models, and what each of them can."""

from dataclasses import replace
from typing import Final

import aiohttp

from cluster_ai.gateway.nodes.abilities import Abilities
from cluster_ai.gateway.nodes.looking import BadNode, look
from cluster_ai.gateway.nodes.picture import Picture

__all__ = ["NOT_WELL", "BadNode", "Sight"]

NOT_WELL: Final = (BadNode, aiohttp.ClientError, OSError)
"""What a look at a node raises that is no mistake of ours; a limit of time that has passed is an ``OSError``."""


class Sight:
    """One for all nodes of a gateway: weights that lie on several are asked about once."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._abilities = Abilities()

    async def of(self, url: str) -> Picture:
        """One look at the node whose API is at ``url``.

        Raises:
            BadNode, aiohttp.ClientError, OSError: it is not well.
        """
        picture = await look(self._session, url)
        return replace(picture, models=await self._abilities.told(self._session, url, picture.models))
