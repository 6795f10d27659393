"""What a user's SSH files name."""

import base64
from collections.abc import Sequence
from pathlib import Path
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.nodes.discovery import known_hosts, ssh_config
from cluster_ai.nodes.discovery.around import here
from cluster_ai.nodes.discovery.finds import Members
from cluster_ai.nodes.discovery.known_hosts import HostKey, line_of
from cluster_ai.nodes.discovery.ssh_config import Named

CONFIG = """
# The house.
User ana
Host shelf attic*   !attic-old
    HostName 192.168.1.20
    Port = 2222
    IdentityFile ~/.ssh/house
Host "garage" -odd
    HostName %h.lan
    User="bob"
    ProxyJump shelf,attic:23
Match exec "touch /tmp/never"
    User mallory
Host cloud
    ProxyCommand nc -X connect %h %p
Host *
    IdentityFile ~/.ssh/id_ed25519
    User nobody
    Port 99999
"""
KEY = HostKey("ssh-ed25519", (11).to_bytes(4, "big") + b"ssh-ed25519" + b"\0\0\0\x20" + b"k" * 32)


def test_entries_as_openssh_reads_them() -> None:
    found = {one.alias: one for one in ssh_config.machines(CONFIG)}
    assert list(found) == ["shelf", "garage", "-odd", "cloud"]
    assert found["shelf"] == Named(
        "shelf", "192.168.1.20", "ana", 2222, identities=("~/.ssh/house", "~/.ssh/id_ed25519")
    )
    assert (found["garage"].host, found["garage"].user, found["garage"].jump) == ("garage.lan", "ana", "shelf,attic:23")
    assert found["cloud"].proxy_command
    assert found["cloud"].port == 22


def test_other_files_are_read_where_they_are_named() -> None:
    files = {
        "house/*": ["Host one\nHostName 10.0.0.1\n", "User deep\nHost two\nInclude self\n"],
        "self": ["Host three\nInclude self\n"],
    }

    def read(pattern: str) -> Sequence[str]:
        return files.get(pattern, [])

    found = {one.alias: one for one in ssh_config.machines("Include house/*\nUser last\n", read)}
    assert set(found) == {"one", "two", "three"}
    assert found["one"].host == "10.0.0.1"
    assert found["two"].user == "deep"
    assert found["one"].user == "deep"


def test_the_files_of_a_home(tmp_path: Path) -> None:
    folder = tmp_path / ".ssh"
    (folder / "more").mkdir(parents=True)
    (folder / "config").write_text("Include more/*.conf\nInclude ~/.ssh/other\nHost first\n")
    (folder / "more" / "a.conf").write_text("Host second\n")
    (folder / "other").write_text("Host third\n")
    (folder / "known_hosts").write_text(line_of("shelf", 22, KEY))
    around = here(tmp_path, Members(), Random(1))
    assert [one.alias for one in around.named] == ["second", "third", "first"]
    assert ("shelf", 22) in around.known.places()
    assert here(tmp_path / "nobody", Members(), Random(1)).named == ()


def test_lines_of_known_hosts() -> None:
    blob = base64.b64encode(KEY.blob).decode()
    text = f"""
# a comment
shelf,192.168.1.20 ssh-ed25519 {blob} ana@head
[attic]:2222 ssh-ed25519 {blob}
*.lan,!bad.lan ssh-ed25519 {blob}
|1|JfKTdBh7rNbXkVAQCRp4OQoPfmI=|USECr3SWf1JUPsms5AqfD5QfxkM= ssh-ed25519 {blob}
@revoked lost ssh-ed25519 {blob}
@cert-authority *.lan ssh-ed25519 {blob}
@other x ssh-ed25519 {blob}
short line
bad ssh-ed25519 not~base64
lies ssh-rsa {blob}
"""
    known = known_hosts.parse(text)
    assert (len(known.lines), known.hashed, known.broken) == (6, 1, 4)
    assert set(known.places()) == {("shelf", 22), ("192.168.1.20", 22), ("attic", 2222)}
    pattern = known.lines[2]
    assert pattern.is_about("a.lan")
    assert not pattern.is_about("bad.lan")
    assert not pattern.is_about("a.lan", 2222)
    assert known.lines[1].is_about("ATTIC", 2222)
    assert not known.lines[1].is_about("attic")


@given(st.text(max_size=400))
def test_no_text_breaks_the_readers(text: str) -> None:
    for one in ssh_config.machines(text, lambda pattern: [text] if len(pattern) > 3 else []):
        assert one.alias
        assert 0 < one.port < 65_536
    known = known_hosts.parse(text)
    assert known.hashed <= len(known.lines)
    known.places()


WORDS = st.sampled_from(
    ["Host", "Match", "Include", "Port", "User", "HostName", "*", "!a", "a", "=", '"', "'", "all", "\n", " ", "#", "%h"]
)


@given(st.lists(WORDS, max_size=40).map(" ".join))
def test_no_settings_break_the_reader(text: str) -> None:
    for one in ssh_config.machines(text):
        assert not set(one.alias) & set("*?!")


@given(st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True), st.integers(1, 65_535))
def test_a_line_that_we_write_is_read_as_the_same(host: str, port: int) -> None:
    known = known_hosts.parse(line_of(host, port, KEY))
    assert known.lines[0].is_about(host, port)
    assert known.places() == {(host, port): (KEY,)}
