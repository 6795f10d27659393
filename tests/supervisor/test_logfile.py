"""Log files of parts: bounded, private, and never a reason to stop."""

import resource
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.supervisor.logfile import KEPT, LogFile


def test_a_large_log_turns_over_between_lines_and_old_files_go(tmp_path: Path) -> None:
    path = tmp_path / "part.log"
    log = LogFile(path, rotate_bytes=100)
    for number in range(100):
        log.write(f"line {number:04d}\n".encode())
    log.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["part.log", *(f"part.log.{number}" for number in range(1, KEPT + 1))]
    assert all(file.stat().st_size <= 100 for file in files)
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    assert path.read_text().splitlines()[-1] == "line 0099"
    assert all(line.startswith("line ") for file in files for line in file.read_text().splitlines())


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    for word in (b"one\n", b"two\n"):
        log = LogFile(tmp_path / "part.log")
        log.write(word)
        log.close()
    assert (tmp_path / "part.log").read_text() == "one\ntwo\n"


def test_the_last_words_are_the_reason_on_one_line(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "part.log")
    log.write(b'{"event": "cannot start", "reason": "port 1 is taken", "level": "critical"}\n\n')
    assert log.last_words() == "port 1 is taken"
    log.write(b"Traceback ...\n\x1b[31mValueError: \x00no\x1b[0m\n")
    assert log.last_words() == "ValueError: no"
    log.begin()
    assert log.last_words() == ""
    log.close()


@given(st.binary(max_size=6000))
def test_whatever_a_part_says_its_last_words_can_be_shown(said: bytes) -> None:
    path = Path("/dev/null")
    log = LogFile(path)
    log.write(said)
    words = log.last_words()
    log.close()
    assert len(words) <= 300
    assert words.isprintable()


def test_a_disk_that_takes_nothing_loses_lines_and_says_how_many(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "part.log")
    log.write(b"before\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores SIGXFSZ, so that the write fails as it does on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (len("before\n"), hard))
    try:
        log.write(b"lost\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    log.write(b"after\n")
    log.close()
    assert (tmp_path / "part.log").read_text() == "before\n(5 bytes could not be written here)\nafter\n"
