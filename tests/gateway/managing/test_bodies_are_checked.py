"""What a management body may say: names, digests, registries, and what two readers could understand differently."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.core.errors import InvalidInput
from cluster_ai.gateway.managing.asks import (
    Ask,
    PullRefused,
    RegistryRefused,
    Verb,
    digest_of,
    host_of,
    listed_name,
    read_ask,
    refuse_registries,
    wanted_nodes,
)

DIGEST = "sha256:" + "0a" * 32
TRAVERSAL = [
    "../../etc/passwd",
    "..",
    "../x",
    "a/../b",
    "/etc/passwd",
    "sha256-..%2f",
    "a%2f..%2fb",
    "a b",
    "a\nb",
    "a\n",
    "a\x00b",
    "-flag",
    ".hidden",
    "a//b",
    "a/",
    "a:",
    "a:b:c",
    "x" * 10_000,
    "10.0.0.1:80/x/y",
    "http://evil.test/x",
    "\\\\host\\x",
    "a@sha256:00",
    "modèle",
    "",
    7,
    None,
    ["a"],
    {"a": "b"},
]


def body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize("name", TRAVERSAL, ids=lambda name: repr(name)[:30])
@pytest.mark.parametrize("verb", Verb)
def test_what_is_no_name_is_refused_in_every_field(verb: Verb, name: object) -> None:
    good = {"model": "a", "source": "a", "destination": "b", "from": "c"}
    fields = {Verb.COPY: ("source", "destination"), Verb.CREATE: ("model", "from")}.get(verb, ("model",))
    for field in fields:
        if field == "from" and not name:
            continue  # not given: then there are files
        with pytest.raises(InvalidInput):
            read_ask(verb, body(**good | {field: name}))


@pytest.mark.parametrize("verb", [Verb.PULL, Verb.PUSH, Verb.CREATE, Verb.DELETE])
def test_older_clients_say_name(verb: Verb) -> None:
    assert read_ask(verb, body(name="a:b")).model == "a:b"
    assert read_ask(verb, body(name="a:b", model="")).model == "a:b"
    with pytest.raises(InvalidInput, match="differ"):
        read_ask(verb, body(name="a", model="b"))


@pytest.mark.parametrize("key", ["Model", "MODEL", "Name", "\u017ftream", "Insecure", "InSecure", "From", "FILES"])
def test_keys_that_a_node_would_read_and_we_would_not_are_refused(key: str) -> None:
    with pytest.raises(InvalidInput, match="must be written"):
        read_ask(Verb.PULL, json.dumps({"model": "a", key: "evil.test/x/y"}).encode())
    with pytest.raises(InvalidInput, match="twice"):
        read_ask(Verb.PULL, b'{"model": "a", "model": "evil.test/x/y"}')


def test_a_node_is_always_asked_for_a_stream_and_for_the_same_otherwise() -> None:
    quiet = read_ask(Verb.PULL, body(model="a", stream=False, unknown={"x": [1]}))
    assert not quiet.stream
    assert json.loads(quiet.body) == {"model": "a", "stream": True, "unknown": {"x": [1]}}
    raw = b' {"model" : "a", "unknown": 1.50}'
    assert read_ask(Verb.PULL, raw) == Ask(Verb.PULL, "a", stream=True, body=raw)
    with pytest.raises(InvalidInput):
        read_ask(Verb.PULL, body(model="a", stream="no"))


@pytest.mark.parametrize(
    "digest",
    [
        "",
        "sha256:",
        "sha256:" + "A" * 64,
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 65,
        "sha256-" + "a" * 64,
        "md5:" + "a" * 64,
        "../" + "a" * 64,
        "sha256:../../../../../../../../../../../../../../../../../etc/passwd000",
        "sha256:" + "a" * 64 + "\n",
        "sha256:" + "a" * 64 + "/..",
    ],
)
def test_what_is_no_digest_is_refused(digest: str) -> None:
    with pytest.raises(InvalidInput):
        digest_of("/api/blobs/" + digest)
    with pytest.raises(InvalidInput):
        read_ask(Verb.CREATE, body(model="a", files={"m.gguf": digest}))
    assert digest_of("/api/blobs/" + DIGEST) == DIGEST


@pytest.mark.parametrize("file", ["../m", "/m", "a/../../m", "a\\m", "", "a\nb", "x" * 300])
def test_files_of_a_creation_stay_where_they_belong(file: str) -> None:
    for kind in ("files", "adapters", "draft_files"):
        with pytest.raises(InvalidInput):
            read_ask(Verb.CREATE, body(model="a", **{kind: {file: DIGEST}}))


def test_a_creation_tells_what_it_is_made_of() -> None:
    other = "sha256:" + "1b" * 32
    ask = read_ask(
        Verb.CREATE, body(model="a", **{"from": "b"}, files={"x": DIGEST, "y/z": other}, adapters={"l": DIGEST})
    )
    assert (ask.model, ask.source, ask.digests) == ("a", "b", (DIGEST, other))
    for legacy in ("modelfile", "path"):
        with pytest.raises(InvalidInput, match="files of the node"):
            read_ask(Verb.CREATE, body(model="a", **{legacy: "FROM /etc/passwd"}))
    for files in ("x", ["x"], {"x": 7}):
        with pytest.raises(InvalidInput):
            read_ask(Verb.CREATE, body(model="a", files=files))


LIBRARY = ("registry.ollama.ai",)


@pytest.mark.parametrize(
    ("verb", "fields", "registries", "allowed"),
    [
        (Verb.PULL, {"model": "llama3.2:1b"}, (), True),
        (Verb.PULL, {"model": "owner/name"}, (), True),
        (Verb.PULL, {"model": "registry.ollama.ai/library/x"}, LIBRARY, True),
        (Verb.PULL, {"model": "registry.ollama.ai/library/x"}, (), False),
        (Verb.PULL, {"model": "Registry.Ollama.AI/library/x"}, LIBRARY, True),
        (Verb.PULL, {"model": "hf.co/owner/name:Q4_K_M"}, LIBRARY, False),
        (Verb.PULL, {"model": "hf.co/owner/name:Q4_K_M"}, ("hf.co",), True),
        (Verb.PULL, {"model": "evil.test/x"}, LIBRARY, False),
        (Verb.PULL, {"model": "evil/x/y"}, LIBRARY, False),
        (Verb.PULL, {"model": "x", "insecure": True}, LIBRARY, False),
        (Verb.PULL, {"model": "mine.lan/x/y", "insecure": True}, ("mine.lan",), True),
        (Verb.PUSH, {"model": "evil.test/x/y"}, LIBRARY, False),
        (Verb.PUSH, {"model": "me/x"}, LIBRARY, True),
        (Verb.CREATE, {"model": "x", "from": "evil.test/x/y"}, LIBRARY, False),
        (Verb.CREATE, {"model": "x", "from": "y", "remote_host": "https://evil.test:443/"}, LIBRARY, False),
        (Verb.CREATE, {"model": "x", "from": "y", "remote_host": "ollama.com"}, ("ollama.com",), True),
        (Verb.COPY, {"source": "hf.co/a/b", "destination": "c"}, (), True),
        (Verb.DELETE, {"model": "hf.co/a/b"}, (), True),
    ],
)
def test_only_named_registries_are_reached(
    verb: Verb, fields: dict[str, object], registries: tuple[str, ...], allowed: bool
) -> None:
    ask = read_ask(verb, body(**fields))
    if allowed:
        refuse_registries(ask, allow_pull=True, registries=registries)
    else:
        with pytest.raises(RegistryRefused):
            refuse_registries(ask, allow_pull=True, registries=registries)


def test_pulls_can_be_switched_off() -> None:
    with pytest.raises(PullRefused, match="fetches no models"):
        refuse_registries(read_ask(Verb.PULL, body(model="x")), allow_pull=False, registries=())
    refuse_registries(read_ask(Verb.DELETE, body(model="x")), allow_pull=False, registries=())


@given(st.text(st.sampled_from("ab./:-_A0"), max_size=40))
def test_whatever_has_a_host_is_recognized(name: str) -> None:
    """As Ollama reads names: three parts make the first a host; an owner cannot have a dot."""
    try:
        ask = read_ask(Verb.PULL, body(model=name))
    except InvalidInput:
        return
    parts = ask.model.split("/")
    assert bool(host_of(ask.model)) == (len(parts) >= 3 or (len(parts) == 2 and "." in parts[0]))


def test_names_are_found_in_lists_as_nodes_write_them() -> None:
    assert listed_name("registry.ollama.ai/library/x:1b") == "x:1b"
    assert listed_name("registry.ollama.ai/me/x") == "me/x"
    assert listed_name("library/x") == "x"
    assert listed_name("hf.co/me/x") == "hf.co/me/x"


def test_nodes_are_named_in_a_header() -> None:
    assert wanted_nodes("") == wanted_nodes(" , ") == ()
    assert wanted_nodes("a, b,a") == ("a", "b")
    assert wanted_nodes("all") == ("all",)
    for wrong in ("all,a", ",".join(map(str, range(200)))):
        with pytest.raises(InvalidInput):
            wanted_nodes(wrong)
