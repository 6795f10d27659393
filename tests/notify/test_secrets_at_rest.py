"""Secrets in the database open only with this head's key, and only for the row that they belong to."""

import base64
from pathlib import Path

import pytest

from cluster_ai.core.errors import Misconfigured
from cluster_ai.notify.sealing import NAME, Seal


def test_opens_again_after_a_restart_and_never_looks_the_same(tmp_path: Path) -> None:
    seal = Seal.load(tmp_path)
    one, other = (seal.close("whsec_x", owner="e1") for _ in range(2))
    assert one != other
    assert "whsec" not in one
    assert Seal.load(tmp_path).open(one, owner="e1") == "whsec_x"
    assert "whsec" not in repr(seal)


def test_rows_cannot_be_swapped_changed_or_read_with_another_key(tmp_path: Path) -> None:
    seal = Seal.load(tmp_path)
    sealed = seal.close("secret", owner="e1")
    raw = bytearray(base64.b64decode(sealed.removeprefix("1:")))
    raw[-1] ^= 1
    for text in (f"1:{base64.b64encode(raw).decode()}", "1:", "1:AAAA", "nonsense", ""):
        with pytest.raises(Misconfigured, match="cannot be opened"):
            seal.open(text, owner="e1")
    with pytest.raises(Misconfigured):
        seal.open(sealed, owner="e2")
    (tmp_path / NAME).unlink()
    with pytest.raises(Misconfigured) as lost:
        Seal.load(tmp_path).open(sealed, owner="e1")
    assert NAME in lost.value.hint


@pytest.mark.parametrize("text", ["", "short", base64.b64encode(bytes(16)).decode()])
def test_file_that_holds_no_key_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(Misconfigured, match="holds no key"):
        Seal.load(tmp_path)
