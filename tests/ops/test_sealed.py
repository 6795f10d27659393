"""A sealed stream gives back what went in, and nothing when a bit of it, its order, its end or its key is another."""

import io
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_ai.ops import sealed
from cluster_ai.ops.sealed import Key, Opening, Sealing
from tests.ops.places import raises

KEY = Key(b"F", b"k" * 32)


def shut(data: bytes, key: Key = KEY) -> bytes:
    file = io.BytesIO()
    end = Sealing(file, key)
    for at in range(0, len(data), 700_001):
        end.write(data[at : at + 700_001])
    end.finish()
    return file.getvalue()


def opened(data: bytes, key: Key = KEY) -> bytes:
    return Opening(io.BytesIO(data), key).read()


@pytest.mark.parametrize("size", [0, 1, sealed.CHUNK - 1, sealed.CHUNK, sealed.CHUNK + 1, 3 * sealed.CHUNK])
def test_every_length_comes_back(size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert opened(shut(data)) == data


def test_same_content_looks_different_each_time() -> None:
    assert shut(b"x" * 100)[60:] != shut(b"x" * 100)[60:]


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 10**9), bit=st.integers(0, 7))
def test_any_bit_that_is_turned_is_noticed(at: int, bit: int) -> None:
    data = bytearray(SOME)
    data[at % len(data)] ^= 1 << bit
    with pytest.raises((sealed.BackupCorrupt, sealed.BackupTruncated, sealed.BackupWrongKey)):
        opened(bytes(data))


@settings(max_examples=60, deadline=None)
@given(end=st.integers(1, 10**9))
def test_any_end_that_is_missing_is_noticed(end: int) -> None:
    cut = SOME[: -(end % (len(SOME) - 1)) - 1]
    raises("backup_truncated" if cut else "backup_corrupt", lambda: opened(cut))


SOME = shut(bytes(2 * sealed.CHUNK + 10))


def test_whole_chunks_cannot_be_left_out_swapped_or_added() -> None:
    head, rest = SOME[: sealed._HEAD], SOME[sealed._HEAD :]
    length = 4 + sealed.CHUNK + 16
    one, two, last = rest[:length], rest[length : 2 * length], rest[2 * length :]
    assert opened(head + one + two + last)
    raises("backup_truncated", lambda: opened(head + one + two))
    raises("backup_corrupt", lambda: opened(head + two + one + last))
    raises("backup_corrupt", lambda: opened(head + one + last))
    raises("backup_corrupt", lambda: opened(head + one + two + last + last))


def test_only_its_own_key_opens_it(tmp_path: Path) -> None:
    phrase = Key.of_passphrase("correct horse battery")
    data = shut(b"secret", phrase)
    assert opened(data, phrase) == b"secret"
    raises("backup_wrong_key", lambda: opened(data, Key.of_passphrase("correct horse batterz")))
    raises("backup_wrong_key", lambda: opened(data, KEY))
    raises("backup_wrong_key", lambda: opened(shut(b""), Key(b"F", b"l" * 32)))
    raises("bad_passphrase", lambda: Key.of_passphrase("short"))
    raises("backup_key_missing", lambda: Key.of_file(tmp_path / "none"))
    (tmp_path / "other").write_text("aGVsbG8=\n")
    raises("backup_key_missing", lambda: Key.of_file(tmp_path / "other"))


def test_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "backup.key"
    key, fresh = Key.made(path)
    assert fresh
    assert path.stat().st_mode & 0o777 == 0o600
    assert Key.made(path) == (key, False)
    assert Key.of_file(path) == key


def test_what_is_no_backup_is_said_so() -> None:
    raises("backup_corrupt", lambda: opened(b"PK\x03\x04 something else, of some length beyond the head's"))
    raises("backup_corrupt", lambda: opened(b""))
