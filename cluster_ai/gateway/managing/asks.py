"""What a client wants to change, read from the bodies of Ollama's management endpoints. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from cluster_ai.core.errors import Forbidden, InvalidInput
from cluster_ai.core.wire import ModelName, dump_json, parse_object

BLOBS: Final = "/api/blobs/"
ALL: Final = "all"
LIBRARY: Final = "registry.ollama.ai"
"""Where a name without a host leads to; nodes leave it out of the names that they list."""

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}\Z")
_MODEL: Final[TypeAdapter[str]] = TypeAdapter(ModelName)
_HOSTED: Final = 2
"""So many slashes mean that a name begins with a host."""
_FILES: Final = ("files", "adapters", "draft_files")
_LONGEST_FILE: Final = 255
_MOST_NAMES: Final = 100
_READ: Final = frozenset(
    {
        "model",
        "name",
        "source",
        "destination",
        "from",
        "stream",
        "insecure",
        "modelfile",
        "path",
        "remote_host",
        *_FILES,
    }
)
"""Keys that decide where something comes from or goes to."""


class Verb(StrEnum):
    PULL = "pull"
    PUSH = "push"
    CREATE = "create"
    COPY = "copy"
    DELETE = "delete"

    @property
    def path(self) -> str:
        return f"/api/{self.value}"


class PullRefused(Forbidden):
    """This cluster fetches no models."""

    code = "pull_refused"


class RegistryRefused(Forbidden):
    """The model's name leads to a host that nobody allowed."""

    code = "registry_refused"


@dataclass(frozen=True, slots=True)
class Ask:
    """A change of models, checked. Names are as the client wrote them."""

    verb: Verb
    model: str
    """What is there, or gone, when it is done."""
    source: str = ""
    """The model that it is made from, or that is sent away."""
    digests: tuple[str, ...] = ()
    """Blobs that it is made from."""
    stream: bool = False
    body: bytes = b""
    """As it goes to a node, which is always asked for a stream: only so can it be cancelled."""
    insecure: bool = False
    remote: str = ""
    """Host of another server that is to answer for the model."""

    @property
    def fetched(self) -> str:
        """The name that a node may look up in a registry; empty when it looks for none."""
        return {Verb.PULL: self.model, Verb.PUSH: self.model, Verb.CREATE: self.source}.get(self.verb, "")


def read_ask(verb: Verb, body: bytes) -> Ask:
    """The change in ``body``.

    Raises:
        InvalidInput: it is none, or two readers of it could understand it differently.
    """
    fields = parse_object(body)
    for key in fields:
        # Nodes do not mind the case of keys: "Model" beside "model" would pull another one than we checked.
        if key not in _READ and key.casefold() in _READ:
            raise InvalidInput(f"{key[:20]} must be written {key.casefold()}", path=key[:20])
    if verb is Verb.COPY:
        source, target = _name(fields, "source"), _name(fields, "destination")
        return Ask(verb, target, source, body=body)
    model = _model(fields)
    if verb is Verb.DELETE:
        return Ask(verb, model, body=body)
    stream = _flag(fields, "stream", default=True)
    sent = body if stream else dump_json({**fields, "stream": True})
    if verb is Verb.CREATE:
        return _creation(fields, Ask(verb, model, stream=stream, body=sent))
    insecure = _flag(fields, "insecure", default=False)
    return Ask(verb, model, model if verb is Verb.PUSH else "", stream=stream, body=sent, insecure=insecure)


def wanted_nodes(header: str) -> tuple[str, ...]:
    """The names in ``X-Cluster-Node``; empty when the cluster decides.

    Raises:
        InvalidInput: ``all`` and names, or too many.
    """
    names = tuple(dict.fromkeys(filter(None, (part.strip() for part in header.split(",")))))
    if ALL in names and len(names) > 1:
        raise InvalidInput("X-Cluster-Node is either all or names of nodes", path="X-Cluster-Node")
    if len(names) > _MOST_NAMES:
        raise InvalidInput(f"X-Cluster-Node names more than {_MOST_NAMES} nodes", path="X-Cluster-Node")
    return names


def digest_of(path: str) -> str:
    """The digest in the path of a blob.

    Raises:
        InvalidInput: there is none; a node would make a file name of it.
    """
    found = path.removeprefix(BLOBS)
    if not _DIGEST.match(found):
        raise InvalidInput("a blob is named sha256: and 64 hexadecimal digits in lower case")
    return found


def refuse_registries(ask: Ask, *, allow_pull: bool, registries: tuple[str, ...]) -> None:
    """Refuses to fetch where that is not wanted, and to fetch from, send to or rely on hosts that nobody named.

    Raises:
        PullRefused, RegistryRefused: with what would allow it.
    """
    if ask.verb is Verb.PULL and not allow_pull:
        raise PullRefused("this cluster fetches no models", hint="gateway.allow_pull in config.toml allows it")
    host = host_of(ask.fetched)
    for used in filter(None, (host, ask.remote)):
        if used.casefold() not in {name.casefold() for name in registries}:
            known = ", ".join(registries) or "none"
            raise RegistryRefused(
                f"{used[:100]} is not a registry that this cluster uses", hint=f"gateway.registries allows: {known}"
            )
    if ask.insecure and not host:
        raise RegistryRefused("insecure is for a registry of your own, named in the model's name")


def host_of(name: str) -> str:
    """The host that a model's name leads to; empty when it has none."""
    first, _, rest = name.partition("/")
    # An owner has no dot, so whoever has one is meant as a host, or will be by some version of a node.
    return first if rest and ("." in first or name.count("/") >= _HOSTED) else ""


def listed_name(name: str) -> str:
    """The name under which nodes list the model: without what they leave out."""
    short = name.removeprefix(f"{LIBRARY}/")
    return short.removeprefix("library/") if short != name or short.startswith("library/") else name


def _creation(fields: Mapping[str, Any], ask: Ask) -> Ask:
    for legacy in ("modelfile", "path"):
        if fields.get(legacy):
            raise InvalidInput(
                f"{legacy} names files of the node itself", path=legacy, hint="send blobs and name them in files"
            )
    source = _name(fields, "from") if fields.get("from") else ""
    return Ask(
        ask.verb, ask.model, source, _digests(fields), ask.stream, ask.body, remote=_remote(fields)
    )  # fmt: skip


def _digests(fields: Mapping[str, Any]) -> tuple[str, ...]:
    found: list[str] = []
    for kind in _FILES:
        files = fields.get(kind) or {}
        if not isinstance(files, dict):
            raise InvalidInput(f"{kind} must map names of files to digests", path=kind)
        for name, digest in files.items():
            _refuse_file(name, kind)
            if not isinstance(digest, str):
                raise InvalidInput("a digest must be a text", path=kind)
            found.append(digest_of(digest))
    return tuple(dict.fromkeys(found))


def _refuse_file(name: str, kind: str) -> None:
    strange = len(name) > _LONGEST_FILE or "\\" in name or not name.isprintable()
    if not name or strange or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise InvalidInput("a file's name must be a relative path without ..", path=kind)


def _remote(fields: Mapping[str, Any]) -> str:
    remote = fields.get("remote_host")
    if not remote:
        return ""
    if not isinstance(remote, str):
        raise InvalidInput("remote_host must be a text", path="remote_host")
    try:
        host = urlsplit(remote if "://" in remote else f"//{remote}").hostname
    except ValueError:
        host = None
    if host is None:
        raise InvalidInput("remote_host is no address", path="remote_host")
    return host


def _model(fields: Mapping[str, Any]) -> str:
    """``model``, or ``name`` as older clients say."""
    if fields.get("model") and fields.get("name") and fields["model"] != fields["name"]:
        raise InvalidInput("model and name are two names for one thing, and they differ", path="name")
    return _name(fields, "model" if fields.get("model") else "name", said="model")


def _name(fields: Mapping[str, Any], key: str, *, said: str = "") -> str:
    name, said = fields.get(key), said or key
    if not name:
        raise InvalidInput(f"{said} is required", path=said)
    try:
        return _MODEL.validate_python(name, strict=True)
    except ValidationError as exc:
        raise InvalidInput(f"{said} is not the name of a model", path=said) from exc


def _flag(fields: Mapping[str, Any], key: str, *, default: bool) -> bool:
    value = fields.get(key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise InvalidInput(f"{key} must be true or false", path=key)
    return value
