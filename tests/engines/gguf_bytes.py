"""GGUF files of a few bytes, made by hand from the format's description."""

import struct


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def pair(key: bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def word(key: bytes, value: bytes) -> bytes:
    return pair(key, 8, text(value))


def array(key: bytes, kind: int, count: int, body: bytes = b"") -> bytes:
    return pair(key, 9, struct.pack("<IQ", kind, count) + body)


def tensor(name: bytes, sides: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(sides)}QIQ", len(sides), *sides, kind, offset)


ARCHITECTURE = word(b"general.architecture", b"llama")
ONE = tensor(b"a", (8, 2))


def model(
    *,
    pairs: tuple[bytes, ...] = (ARCHITECTURE,),
    tensors: tuple[bytes, ...] = (ONE,),
    data: int = 64,
    head: bytes = b"GGUF\x03\0\0\0",
    counts: tuple[int, int] | None = None,
) -> bytes:
    """A whole file; ``data`` bytes follow the header's padding."""
    made = head + struct.pack("<QQ", *(counts or (len(tensors), len(pairs)))) + b"".join(pairs) + b"".join(tensors)
    return made + b"\0" * (-len(made) % 32) + b"\0" * data
