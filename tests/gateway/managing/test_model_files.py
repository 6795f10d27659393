"""Model files that lie about their sizes are stopped on their way; true ones, and what is none, pass."""

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_ai.gateway.managing.gguf import BrokenBlob, Scan
from tests.engines.gguf_bytes import ARCHITECTURE, array, model, pair, tensor, text, word
from tests.fakes.fleet import FakeNode, Fleet
from tests.gateway.door import Door, gateway

LATER = b"GGUF" + struct.pack("<I", 9) + b"whatever a later version holds"
HUGE = 2**62


def scanned(data: bytes, piece: int = 7) -> Scan:
    scan = Scan()
    for at in range(0, len(data), piece):
        scan.feed(data[at : at + piece])
    scan.finish(len(data))
    return scan


WORDS = (ARCHITECTURE, array(b"tokenizer.ggml.tokens", 8, 3, text(b"a") + text(b"") + text(b"ccc")))
TRUE = {
    "a model": model(),
    "many keys": model(pairs=(*WORDS, pair(b"n", 10, b"\1" * 8), array(b"x", 5, 2, b"\0" * 8), word(b"w", b"v"))),
    "a part of another model": model(pairs=(word(b"general.type", b"adapter"), ARCHITECTURE)),
    "a type that is not known yet": model(tensors=(tensor(b"a", (8, 2), kind=999),)),
    "another alignment": model(pairs=(ARCHITECTURE, pair(b"general.alignment", 4, struct.pack("<I", 64))), data=128),
    "no tensors": model(tensors=()),
    "a later version": LATER,
}
FALSE = {
    "data that is not there": model(data=63),
    "a tensor beyond the file": model(tensors=(tensor(b"a", (8, 2), offset=HUGE),)),
    "a tensor larger than the file": model(tensors=(tensor(b"a", (2**40, 2)),)),
    "a tensor larger than any file": model(tensors=(tensor(b"a", (2**40, 2**40, 2**40)),)),
    "too many dimensions": model(tensors=(tensor(b"a", (1,) * 40),)),
    "endless tensors": model(counts=(2**40, 1)),
    "endless keys": model(counts=(1, 2**40)),
    "an endless key": b"GGUF\x03\0\0\0" + struct.pack("<QQQ", 1, 1, HUGE) + b"x" * 64,
    "an endless text": model(pairs=(pair(b"k", 8, struct.pack("<Q", HUGE)),)),
    "an endless array": model(pairs=(array(b"k", 8, HUGE),)),
    "an array of arrays": model(pairs=(array(b"k", 9, 1),)),
    "a key of no type": model(pairs=(pair(b"k", 77, b""),)),
    "an alignment of nothing": model(pairs=(pair(b"general.alignment", 4, b"\0" * 4),)),
    "half a header": model()[:60],
    "a magic word alone": b"GGUF",
}


@pytest.mark.parametrize("piece", [1, 7, 10_000])
@pytest.mark.parametrize("what", TRUE)
def test_what_can_be_true_passes(what: str, piece: int) -> None:
    assert scanned(TRUE[what], piece).end <= len(TRUE[what])


@pytest.mark.parametrize("piece", [1, 7, 10_000])
@pytest.mark.parametrize("what", FALSE)
def test_what_cannot_be_true_is_refused(what: str, piece: int) -> None:
    with pytest.raises(BrokenBlob):
        scanned(FALSE[what], piece)


@pytest.mark.parametrize("data", [b"", b"G", b"GGU", b"PK\x03\x04", b"{}", b"\0" * 1000, b"FROM x\n" * 100])
def test_what_is_no_model_file_passes_unseen(data: bytes) -> None:
    assert scanned(data).end == 0


def test_the_end_of_a_true_file_is_known_exactly() -> None:
    data = model(pairs=WORDS)
    assert scanned(data).end == len(data)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_no_damage_makes_it_fail_otherwise(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from([*TRUE.values(), *FALSE.values()])))
    for _ in range(data.draw(st.integers(0, 6))):
        if raw:
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        scan = scanned(bytes(raw), data.draw(st.integers(1, 64)))
    except BrokenBlob:
        return
    assert scan.end <= len(raw)


@pytest.fixture(scope="module")
def door(running_fleet: Fleet) -> Iterator[Door]:
    running_fleet.default()
    with gateway(running_fleet.nodes[0]) as started:
        yield started


def send(door: Door, data: bytes, **headers: str) -> tuple[int, bytes]:
    heard = door.ask(f"/api/blobs/sha256:{hashlib.sha256(data).hexdigest()}", data, **headers)
    return heard.status, heard.body


def taken(node: FakeNode, data: bytes) -> bool:
    return any(row.body_sha256 == hashlib.sha256(data).hexdigest() for row in node.log())


@pytest.mark.real
def test_a_node_never_has_a_file_that_lies(door: Door) -> None:
    for data in FALSE.values():
        status, body = send(door, data)
        assert (status, b"broken_blob" in body) == (400, True)
        assert not taken(door.nodes[0], data)
    for data in TRUE.values():
        assert send(door, data)[0] == 201
        assert taken(door.nodes[0], data)


@pytest.mark.real
def test_a_length_that_is_too_short_is_known_from_the_header_on(door: Door, tmp_path: Path) -> None:
    """The rest is not waited for."""
    lying = model(tensors=(tensor(b"a", (2**30, 2)),), data=0)
    with door.open(lying + b"\0" * 100_000, "/api/blobs/sha256:" + "0" * 64) as sock:
        assert b"broken_blob" in sock.recv(65536)


@pytest.mark.real
def test_the_look_can_be_switched_off(fleet: Fleet) -> None:
    with gateway(fleet.nodes[1], check_blobs=False) as unseeing:
        assert send(unseeing, FALSE["data that is not there"])[0] == 201
