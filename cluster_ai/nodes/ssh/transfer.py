"""Files to a machine by SFTP: written beside their name, then renamed in one step."""

import io
import os
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO, Final

import paramiko

from cluster_ai.nodes.ssh.causes import Broken, FileRefused, NoSftp
from cluster_ai.nodes.ssh.target import Target
from cluster_ai.nodes.ssh.threads import Threads

_CHUNK: Final = 32_768
"""What every server takes at once."""
_SILENCE: Final = 60.0

Told = Callable[[int, int], None]
"""Bytes written, of how many."""


async def hand_over(
    transport: paramiko.Transport,
    target: Target,
    *,
    threads: Threads,
    content: bytes | Path,
    names: tuple[str, str],
    mode: int,
    told: Told,
) -> None:
    """Writes ``content`` under the first of ``names``, then gives it the second."""
    try:
        sftp = await threads.do(lambda: _opened(transport), stop=transport.close)
        try:
            await threads.do(lambda: _write(sftp, content, names=names, mode=mode, told=told), stop=sftp.close)
        finally:
            await threads.do(sftp.close, stop=transport.close)
    except (paramiko.SSHException, EOFError) as exc:
        raise _cause(transport, target, exc) from exc
    except OSError as exc:
        if not transport.is_active():
            raise Broken(str(target), str(exc)) from exc
        raise FileRefused(str(target), names[1], exc.strerror or str(exc)) from exc


def _cause(transport: paramiko.Transport, target: Target, exc: Exception) -> NoSftp | Broken:
    return NoSftp(str(target)) if transport.is_active() else Broken(str(target), str(exc))


def _opened(transport: paramiko.Transport) -> paramiko.SFTPClient:
    try:
        sftp = paramiko.SFTPClient.from_transport(transport)
    except OSError as exc:
        # Whoever answers instead of it had gone before the first word was sent: no file was refused.
        raise paramiko.SSHException("no SFTP") from exc
    if sftp is None:
        raise paramiko.SSHException("no SFTP")
    sftp.get_channel().settimeout(_SILENCE)
    return sftp


def _write(sftp: paramiko.SFTPClient, content: bytes | Path, *, names: tuple[str, str], mode: int, told: Told) -> None:
    draft, name = names
    try:
        with closing(_source(content)) as source:
            total = os.fstat(source.fileno()).st_size if isinstance(content, Path) else len(content)
            _copy(sftp, source, draft, mode=mode, told=lambda done: told(done, total))
        sftp.posix_rename(draft, name)
    except BaseException:
        with suppress(OSError, paramiko.SSHException, EOFError):
            sftp.remove(draft)
        raise


def _copy(sftp: paramiko.SFTPClient, source: BinaryIO, draft: str, *, mode: int, told: Callable[[int], None]) -> None:
    done = 0
    with sftp.open(draft, "wxb") as file:
        # Nobody else may read it, not even before it has anything in it.
        file.chmod(mode)
        file.set_pipelined(True)
        while chunk := source.read(_CHUNK):
            file.write(chunk)
            done += len(chunk)
            told(done)
    if sftp.stat(draft).st_size != done:
        raise OSError("not all of it arrived; is the disk full?")


def _source(content: bytes | Path) -> BinaryIO:
    return content.open("rb") if isinstance(content, Path) else io.BytesIO(content)
