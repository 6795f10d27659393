"""Who may ask what at a machine's door: the whole table, and paths that try to be read in two ways."""

import itertools
import ssl
import time
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from cluster_ai.node_agent.door.access import PLAIN, Behind, behind
from cluster_ai.pki.contexts import client_context
from cluster_ai.pki.types import PeerRole
from tests.node_agent.door.place import Place, hear, leave, request, tell
from tests.pki.members import Members

ENGINE = {
    *(("GET", path) for path in ("/", "/api/version", "/api/tags", "/api/ps", "/v1/models")),
    *(("HEAD", path) for path in ("/", "/api/version", "/api/tags", "/api/blobs/sha256:0a")),
    *(("POST", f"/api/{verb}") for verb in ("chat", "generate", "embed", "embeddings", "show", "pull", "copy", "create")),
    *(("POST", f"/v1/{verb}") for verb in ("chat/completions", "completions", "embeddings", "responses", "messages")),
    ("POST", "/api/blobs/sha256:0a"),
    ("DELETE", "/api/delete"),
}  # fmt: skip
SHARED = {(method, path) for method in ("GET", "HEAD") for path in ("/-/blobs/sha256:0a", "/-/models/x")}
OWN = ("/-/", "/-/logs", "/-/exec", "/-/blobs", "/-/blobs/sha256:0a", "/-/models/x", "/-/stats")
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "LINK", "PURGE")
PATHS = sorted(
    {path for _, path in ENGINE} | {*OWN, "/api/push", "/api/blobs", "/api", "/v1", "/metrics", "/-", "*", ""}
)
TRICKS = (
    "/api/../-/exec", "/-/blobs/../exec", "/-/blobs/%2e%2e/exec", "/-/blobs/..%2fexec", "//-/exec", "/-//exec",
    "/-/blobs//../exec", "/api/%63hat", "/api/chat%00", "/-/blobs\\..\\exec", "http://localhost/api/chat",
    "https://door/-/exec", "door:80", "/api/chat;x", "/api/chat#x", "/api/chat/", "/API/chat", "/api/tags\xe9", "*",
)  # fmt: skip


def test_table_is_whole() -> None:
    for role, method, path in itertools.product(PeerRole, METHODS, PATHS):
        wanted = None
        if path.startswith("/-/"):
            wanted = Behind.AGENT if role is PeerRole.HEAD or (method, path) in SHARED else None
        elif role is PeerRole.HEAD and (method, path) in ENGINE:
            wanted = Behind.ENGINE
        for target in (path, f"{path}?a=/../b"):
            assert behind(role, method, target) is wanted, (role, method, target)


@given(st.sampled_from(PeerRole), st.sampled_from(METHODS), st.text(alphabet="/-.%2eabiploshtcx\\@:~;?#\xe9\0 \r\n"))
@example(PeerRole.NODE, "GET", "/-/blobs/\n")
@example(PeerRole.HEAD, "GET", "/api/tags\n")
def test_only_plain_paths_lead_anywhere(role: PeerRole, method: str, target: str) -> None:
    if behind(role, method, target) is not None:
        path = target.partition("?")[0]
        assert PLAIN.fullmatch(path)
        assert ".." not in path
        assert "//" not in path


def test_tricks_with_paths_reach_nothing(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        for trick, who, method in itertools.product(TRICKS, ("head", "node-2"), ("GET", "POST")):
            answer = await place.ask(request(trick, method=method, body=b""), who=who)
            assert answer.status in {400, 403}, (trick, answer)
        assert (place.engine.connections, place.agent.connections) == (0, 0)

    tell(tmp_path, story)


def test_other_machines_fetch_models_and_nothing_else(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        for path in ("/-/blobs/sha256:0a", "/-/models/m"):
            answer = await place.ask(request(path), who="node-2")
            assert answer.status == 200
            assert b"x-cluster-peer: cluster-ai://" in place.agent.requests[-1]
        for raw in (request("/api/tags"), request("/-/exec", method="POST", body=b""),
                    request("/-/blobs/sha256:0a", method="POST", body=b""), request("/-/logs")):  # fmt: skip
            answer = await place.ask(raw, who="node-2")
            assert (answer.status, b"forbidden" in answer.body) == (403, True)
        assert place.engine.connections == 0

    tell(tmp_path, story)


def test_nobody_says_of_himself_who_he_is(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        rows = (b"X-Cluster-Peer: cluster-ai://x/head", b"Authorization: Bearer x", b"Cookie: a=b", b"X-Other: kept")
        await place.ask(request("/-/models/m", rows=rows), who="node-2")
        head = place.agent.requests[-1].lower()
        assert head.count(b"x-cluster-peer") == 1
        assert b"/node/" in head
        assert b"bearer" not in head
        assert b"cookie" not in head
        assert b"x-other: kept" in head

    tell(tmp_path, story)


def test_strangers_are_not_heard(tmp_path: Path) -> None:
    foreign = Members(tmp_path / "foreign", time.time())
    foreign.head()
    unproven = client_context(tmp_path / "foreign" / "head")
    nobody = ssl.create_default_context()
    for context in (unproven, nobody):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    async def story(place: Place) -> None:
        for context in (unproven, nobody):
            reader, writer = await place.connect_by(context)
            writer.write(request("/api/tags"))
            answer = await hear(reader)
            assert (answer.raw, answer.end in {"cut", "closed"}) == (b"", True)
            await leave(writer)
        assert place.engine.connections == 0

    (tmp_path / "door").mkdir()
    tell(tmp_path / "door", story)
