"""The beginning of a prompt as a chain of hashes, and which beginnings a node's cache still holds. Pure.

Engines keep what they computed for a prompt and reuse it for the next one that begins alike: the turns of a
conversation, or one long document with many questions. Each link of the chain covers everything before it.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from cluster_ai.core.values import value

BLOCK: Final = 1024
"""Bytes a link covers at most; a shared beginning is seen in steps of this."""
BYTES_A_TOKEN: Final = 4.0
RETURN_SECONDS: Final = 120.0
"""After so long it is half as likely that a conversation goes on."""
_ONCE: Final = ("tools", "format", "system", "template", "suffix", "instructions")
_PROMPTS: Final = ("messages", "prompt", "input")


@value
class Chain:
    """``links[i]`` stands for the first ``sizes[i]`` bytes of the prompt. Links mean nothing outside this process."""

    links: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()
    tokens: int = 0
    """Estimate for the whole prompt."""


def chain_of(fields: Mapping[str, Any]) -> Chain:
    """The chain of a request in any dialect."""
    links: list[int] = []
    sizes: list[int] = []
    last = size = 0
    for text in _texts(fields):
        for start in range(0, len(text), BLOCK):
            block = text[start : start + BLOCK]
            # Salted by the interpreter: nobody outside can make two prompts look alike.
            last = hash((last, block))
            size += len(block)
            links.append(last)
            sizes.append(size)
    return Chain(tuple(links), tuple(sizes), int(size / BYTES_A_TOKEN))


def _texts(fields: Mapping[str, Any]) -> Iterator[bytes]:
    for name in _ONCE:
        if value := fields.get(name):
            yield orjson.dumps(value)
    for name in _PROMPTS:
        if value := fields.get(name):
            for part in value if isinstance(value, list) else [value]:
                yield part.encode() if isinstance(part, str) else orjson.dumps(part)


@dataclass(slots=True)
class Cache:
    """Beginnings that a node has seen lately; it holds as many prompts as it has slots, the oldest goes first."""

    _prompts: OrderedDict[int, tuple[int, ...]] = field(default_factory=OrderedDict)
    _kept: dict[int, tuple[float, float, str]] = field(default_factory=dict)
    """Of each prompt: its tokens, when it was seen, and its chat where clients name that."""
    _counts: dict[int, int] = field(default_factory=dict)

    def had(self, chat: str) -> bool:
        """Whether one of the prompts is that chat's, however it begins."""
        return bool(chat) and any(whose == chat for _, _, whose in self._kept.values())

    def cached_tokens(self, chain: Chain) -> int:
        """How much of the prompt's beginning is still there."""
        # Links of one beginning come and go together, so the last known one can be halved in on.
        low, high = 0, len(chain.links)
        while low < high:
            middle = (low + high) // 2
            if chain.links[middle] in self._counts:
                low = middle + 1
            else:
                high = middle
        return int(chain.sizes[low - 1] / BYTES_A_TOKEN) if low else 0

    def forgets(self, chain: Chain, *, room: int, now: float) -> float:
        """Tokens that will have to be read again because this prompt takes their place, by how likely that is."""
        if len(self._prompts) < room or not self._prompts or any(link in self._prompts for link in chain.links):
            return 0.0
        tokens, at, _ = self._kept[next(iter(self._prompts))]
        return tokens * float(0.5 ** ((now - at) / RETURN_SECONDS))

    def worth(self, now: float) -> float:
        """Tokens of all that is kept, by how likely each is to be asked for again."""
        return sum(tokens * float(0.5 ** ((now - at) / RETURN_SECONDS)) for tokens, at, _ in self._kept.values())

    def saw(self, chain: Chain, *, room: int, now: float = 0.0, chat: str = "") -> None:
        """The node has read this prompt. ``room``: prompts it can hold; ``chat``: whose it was, if that is known."""
        if not chain.links:
            return
        self._forget_beginnings_of(chain)
        self._drop(chain.links[-1])
        self._prompts[chain.links[-1]] = chain.links
        self._kept[chain.links[-1]] = (chain.tokens, now, chat)
        for link in chain.links:
            self._counts[link] = self._counts.get(link, 0) + 1
        while len(self._prompts) > max(1, room):
            self._drop(next(iter(self._prompts)))

    def clear(self) -> None:
        """The model left the node's memory."""
        self._prompts.clear()
        self._kept.clear()
        self._counts.clear()

    def _forget_beginnings_of(self, chain: Chain) -> None:
        """The turn before sits in the slot that this one takes over."""
        for link in chain.links[:-1]:
            self._drop(link)

    def _drop(self, key: int) -> None:
        self._kept.pop(key, None)
        for link in self._prompts.pop(key, ()):
            self._counts[link] -= 1
            if not self._counts[link]:
                del self._counts[link]
