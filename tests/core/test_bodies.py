"""Bodies that come in pieces are read to their end, and no further than their reader takes."""

import pytest

from cluster_ai.core.bodies import TooMuch, read_up_to, read_whole

pytestmark = pytest.mark.anyio


class Pieces:
    """A stream that answers what has arrived so far, as aiohttp's does."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    async def read(self, n: int = -1, /) -> bytes:
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if len(piece) > n >= 0:
            self.pieces.insert(0, piece[n:])
            piece = piece[:n]
        return piece


async def test_body_of_several_packets_is_whole() -> None:
    assert await read_whole(Pieces(b"ab", b"cd", b"e"), 5) == b"abcde"
    assert await read_whole(Pieces(), 5) == b""


async def test_body_that_is_too_long_is_refused() -> None:
    with pytest.raises(TooMuch):
        await read_whole(Pieces(b"ab", b"cd", b"ef"), 5)


async def test_text_that_is_only_told_is_cut() -> None:
    assert await read_up_to(Pieces(b"ab", b"cd", b"ef"), 5) == b"abcde"
    assert await read_up_to(Pieces(b"ab"), 5) == b"ab"
