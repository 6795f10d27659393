"""Events as people get them: a Slack channel, an ntfy topic, a letter, each through a real server."""

import asyncio
import email
import email.policy
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.i18n import LANGS, texts
from cluster_ai.notify.forms import DOMAIN, Carried, address_of, letter, ntfy, slack, told
from cluster_ai.notify.mail import Mailer
from cluster_ai.notify.types import DeliveryState, NoMailServer, SmtpSettings, TargetRefused
from tests.loops import loop_in_thread
from tests.notify.conftest import Desk, Scene, Story, receiving

Tell = Callable[[Story], None]
FAILED = Carried("e1", "ticket.failed", "ticket-1", "{}")


def test_slack_gets_a_sentence_that_cannot_ping_anybody(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        await scene.add("ticket.*", kind="slack")
        await scene.happen("ticket.failed", error="<!channel> & <https://evil.example|click>", code=7)
        await scene.round()
        (heard,) = scene.receiver.heard
        assert heard.said == {
            "text": "*lab: Ticket ticket-1 failed.*\n"
            "error: &lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;\ncode: 7"
        }
        assert "webhook-signature" not in heard.headers

    tell(story)


def test_ntfy_gets_text_title_priority_and_its_token(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        await scene.add("*", kind="ntfy", secret="tk_hunter2")
        await scene.happen("ticket.failed", "ticket.completed", word="ação")
        await scene.round()
        heard = sorted(scene.receiver.heard, key=lambda one: one.headers["title"])
        assert [one.headers["title"] for one in heard] == [
            "lab: Ticket ticket-1 failed.",
            "lab: Ticket ticket-1 is done.",
        ]
        assert [one.headers["priority"] for one in heard] == ["high", "default"]
        assert heard[0].body.decode() == "word: ação"
        assert heard[0].headers["authorization"] == "Bearer tk_hunter2"

    tell(story)


def test_titles_are_in_the_language_of_the_head_and_survive_a_header() -> None:
    message = told(Carried("e1", "ticket.dead_lettered", "t1", "{}"), {}, lang="pt-BR", cluster="lar")
    assert message.title == "lar: Desistiu-se do ticket t1."
    freeze = told(Carried("e1", "slo.freeze.activated", "chat", "{}"), {}, lang="pt-BR", cluster="são")
    title = ntfy(freeze, "").headers["Title"]
    assert title.isascii()
    assert str(make_header(decode_header(title))) == "são: Mudanças arriscadas estão congeladas: chat."


@pytest.mark.parametrize("lang", LANGS)
def test_every_sentence_can_be_filled(lang: Any) -> None:
    for kind in texts(lang, DOMAIN):
        assert "t1" in told(Carried("e1", kind, "t1", "{}"), {}, lang=lang, cluster="lab").title


def test_unknown_event_is_told_by_its_name_and_nothing_breaks_out_of_a_header() -> None:
    event = Carried("e1", "forge.stage", "a\r\nBcc: x@example.org", "{}")
    message = told(event, {"list": [1], "text": "x" * 2000, "empty": ""}, lang="en", cluster="lab")
    assert message.title.startswith("lab: forge.stage: a")
    assert len(message.text) == 500
    mail = letter(message, to="a@example.org", sender="c@example.org", event_id="e1", now=0.0)
    assert mail["Bcc"] is None
    assert "\n" not in ntfy(message, "").headers["Title"]
    assert b"\\r" not in slack(message).body


@pytest.mark.parametrize(
    "url",
    ["mailto:", "a@example.org", "mailto:a", "mailto:a@b@c", "mailto:a@example.org,b@example.org", "mailto:a@b?cc=c@d"],
)
def test_only_one_plain_address(url: str) -> None:
    with pytest.raises(TargetRefused):
        address_of(url)


# -- mail


@dataclass
class Post:
    """A real mail server. ``refuse``: what it says to every recipient."""

    port: int = 0
    refuse: str = ""
    letters: list[tuple[Envelope, EmailMessage]] = field(default_factory=list)
    signed_in: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the library calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _: Any
    ) -> str:
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.letters.append((envelope, message))
        return "250 taken"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.signed_in.append(data.login.decode())
        return AuthResult(success=data.password == b"hunter2", handled=False)


@contextmanager
def posting(tls: ssl.SSLContext | None = None, *, auth: bool = False) -> Iterator[Post]:
    post = Post()
    more: dict[str, Any] = {"tls_context": tls, "require_starttls": True} if tls else {}
    if auth:
        more |= {"authenticator": post.authenticate, "auth_required": True}
    with loop_in_thread("mail server") as loop:

        async def serve() -> asyncio.Server:
            return await loop.create_server(lambda: SMTP(post, hostname="mail", loop=loop, **more), "127.0.0.1", 0)

        async def end(server: asyncio.Server) -> None:
            server.close()
            await server.wait_closed()

        server = asyncio.run_coroutine_threadsafe(serve(), loop).result(timeout=20)
        post.port = server.sockets[0].getsockname()[1]
        try:
            yield post
        finally:
            asyncio.run_coroutine_threadsafe(end(server), loop).result(timeout=20)


def test_letter_arrives_with_its_sentence(desk: Desk) -> None:
    async def story(post: Post) -> None:
        smtp = SmtpSettings(host="127.0.0.1", port=post.port, security="none", sender="cluster@lab.example")
        async with receiving() as receiver, desk.opened(smtp=smtp) as (room, database):
            scene = Scene(desk, room, database, receiver)
            endpoint = await scene.add("slo.*", kind="email", url="mailto:ana@example.org")
            (event,) = await scene.happen("slo.freeze.activated", budget=-0.2, word="ação")
            await scene.round()
            (row,) = await room.webhooks.deliveries(endpoint)
            assert (row.state, row.status) == (DeliveryState.SENT, 250)
        ((envelope, mail),) = post.letters
        assert (envelope.mail_from, envelope.rcpt_tos) == ("cluster@lab.example", ["ana@example.org"])
        assert mail["Subject"] == "lab: Risky changes are frozen: ticket-1."
        assert mail["Message-ID"] == f"<{event.id}@cluster-ai>"
        assert mail.get_content().splitlines() == ["budget: -0.2", "word: ação"]

    with posting() as post:
        asyncio.run(story(post))


def test_refused_letter_is_tried_again(desk: Desk) -> None:
    async def story(post: Post) -> None:
        smtp = SmtpSettings(host="127.0.0.1", port=post.port, security="none")
        async with receiving() as receiver, desk.opened(smtp=smtp) as (room, database):
            scene = Scene(desk, room, database, receiver)
            endpoint = await scene.add(kind="email", url="mailto:ana@example.org")
            post.refuse = "450 come back later"
            await scene.happen("ticket.failed")
            await scene.round()
            (row,) = await room.webhooks.deliveries(endpoint)
            assert (row.state, row.status, row.error) == (DeliveryState.RETRYING, 450, "come back later")
            post.refuse = ""
            desk.now += 10
            await scene.round()
            assert len(post.letters) == 1

    with posting() as post:
        asyncio.run(story(post))


def mail() -> EmailMessage:
    message = told(FAILED, {}, lang="en", cluster="lab")
    return letter(message, to="ana@example.org", sender="c@example.org", event_id="e1", now=0.0)


def test_signs_in_under_tls_only(tmp_path: Path) -> None:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    password = tmp_path / "password"
    password.write_text("hunter2\n")

    async def story(post: Post) -> None:
        smtp = SmtpSettings(host="127.0.0.1", port=post.port, user="cluster", password_file=str(password))
        assert (await Mailer(smtp, tls=client)(mail())).status == 250
        assert post.signed_in == ["cluster"]
        password.write_text("wrong")
        answer = await Mailer(smtp, tls=client)(mail())
        assert (answer.status, answer.good) == (535, False)
        before = len(post.signed_in)
        stranger = await Mailer(smtp)(mail())
        assert stranger.status is None
        assert "certificate" in stranger.error.lower()
        assert len(post.signed_in) == before, "nobody says a password to who cannot show who they are"

    with posting(server, auth=True) as post:
        asyncio.run(story(post))


def test_server_without_tls_is_told_nothing() -> None:
    async def story(post: Post) -> None:
        answer = await Mailer(SmtpSettings(host="127.0.0.1", port=post.port))(mail())
        assert answer.status is None
        assert "STARTTLS" in answer.error
        assert post.letters == []

    with posting() as post:
        asyncio.run(story(post))


def test_no_server_or_no_password_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoMailServer):
        asyncio.run(Mailer(SmtpSettings())(mail()))
    missing = SmtpSettings(host="127.0.0.1", port=1, user="x", password_file=str(tmp_path / "none"))
    with pytest.raises(Misconfigured, match="password_file"):
        asyncio.run(Mailer(missing)(mail()))


def test_nobody_at_the_port_is_a_failed_attempt() -> None:
    answer = asyncio.run(Mailer(SmtpSettings(host="127.0.0.1", port=1, security="none"))(mail()))
    assert (answer.status, answer.good) == (None, False)
    assert answer.error
