"""Letters through a mail server of the user's, by the standard library in a thread."""

import asyncio
import smtplib
import ssl
import time
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.paths import read_secret
from cluster_ai.notify.types import Answer, NoMailServer, SmtpSettings

SECONDS: Final = 10.0
"""Longest wait for one answer of the server; an attempt has about eight."""
ACCEPTED: Final = 250


AT_ONCE: Final = 2
"""Letters: a server that hangs holds so many threads and no more, of the few that all share."""


class Mailer:
    """Hands letters to one server. ``tls``: None for the system's CAs."""

    def __init__(self, settings: SmtpSettings, *, tls: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._tls = tls
        self._room = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, letter: EmailMessage) -> Answer:
        """How the server took ``letter``. ``status`` is SMTP's.

        Raises:
            NoMailServer: none is set.
            Misconfigured: the file with the password cannot be read.
        """
        if self._settings.host is None:
            raise NoMailServer("no mail server is set", hint="set notify.smtp.host")
        async with self._room:
            began = time.monotonic()
            status, said = await asyncio.to_thread(_deliver, self._settings, self._settings.host, letter, self._tls)
        ms = int((time.monotonic() - began) * 1000)
        if status == ACCEPTED:
            return Answer(status=ACCEPTED, ms=ms, excerpt=said)
        return Answer(status=status, ms=ms, error=said)


def _deliver(
    settings: SmtpSettings, host: str, letter: EmailMessage, tls: ssl.SSLContext | None
) -> tuple[int | None, str]:
    password = _password(settings)
    context = tls or ssl.create_default_context()
    try:
        with _connected(settings, host, context) as server:
            if settings.security == "starttls":
                # Raises where the server has none: nothing is sent in the clear instead.
                server.starttls(context=context)
            if settings.user is not None:
                server.login(settings.user, password)
            server.send_message(letter)
    except smtplib.SMTPResponseException as exc:
        return exc.smtp_code, _text(exc.smtp_error)
    except smtplib.SMTPRecipientsRefused as exc:
        code, words = next(iter(exc.recipients.values()))
        return code, _text(words)
    except (smtplib.SMTPException, OSError) as exc:
        return None, _text(str(exc))
    return ACCEPTED, "taken"


def _connected(settings: SmtpSettings, host: str, context: ssl.SSLContext) -> smtplib.SMTP:
    if settings.security == "tls":
        return smtplib.SMTP_SSL(host, settings.port, timeout=SECONDS, context=context)
    return smtplib.SMTP(host, settings.port, timeout=SECONDS)


def _password(settings: SmtpSettings) -> str:
    if settings.password_file is None:
        return ""
    try:
        return read_secret(Path(settings.password_file))
    except (OSError, UnicodeDecodeError) as exc:
        raise Misconfigured("notify.smtp.password_file cannot be read", hint="mend the file or the setting") from exc


def _text(words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return text[:300] or "the server closed the connection"
