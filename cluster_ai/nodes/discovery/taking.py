"""A found service as an instance of the registry: what it is called there, and what it can do. Pure."""

import re
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, TypeAdapter, ValidationError

from cluster_ai.core.addresses import authority
from cluster_ai.core.wire import Name, StrictModel, Text
from cluster_ai.nodes.discovery.errors import NotToBeTaken
from cluster_ai.nodes.discovery.types import Kind, Service
from cluster_ai.registry.types import MOST_WORDS, Registration, Word

LEASE: Final = 60.0
FOUND: Final = "found"
"""Label of an instance that does not beat itself: the head looks at it."""
_KINDS: Final = {
    Kind.OLLAMA: "engine",
    Kind.OPENAI: "engine",
    Kind.AGENT: "agent",
    Kind.MCP: "tools",
    Kind.WEB: "service",
    Kind.API: "service",
    Kind.WEBSOCKET: "service",
    Kind.DATABASE: "database",
}
_WORD: Final[TypeAdapter[str]] = TypeAdapter(Word)
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9._:@/-]+")
_LONGEST_NAME: Final = 64


class Taking(StrictModel):
    """A found service that is to be an instance of the registry. ``name``: made of what it is when not given."""

    address: Annotated[Text, Field(min_length=1, max_length=64)]
    port: Annotated[int, Field(ge=1, le=65_535)]
    name: Name | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """One that is looked after. ``owner`` is who took it."""

    address: str
    service: Service
    name: str
    owner: str

    @property
    def id(self) -> str:
        return id_of(self.address, self.service.port)

    def registration(self) -> Registration:
        """As the registry has it."""
        service = self.service
        return Registration(
            id=self.id,
            kind=_KINDS[service.kind],
            name=self.name,
            url=_url(self.address, service),
            address=self.address,
            port=service.port,
            version=service.version,
            capabilities=capabilities(service),
            labels=frozenset({FOUND}),
            metadata={"serves": service.kind.value, **({"says": service.name} if service.name else {})},
            lease_seconds=LEASE,
        )


def id_of(address: str, port: int) -> str:
    """The same for the same place, so that nothing is taken twice."""
    return f"found:{authority(address, port)}"


def may_be_taken(kind: Kind) -> bool:
    return kind in _KINDS


def taken(address: str, service: Service, *, name: str | None, owner: str) -> Taken:
    """What is to be looked after.

    Raises:
        NotToBeTaken: nothing of that kind is.
    """
    if not may_be_taken(service.kind):
        raise NotToBeTaken(
            f"what answers there ({service.kind}) is no service for the registry",
            hint="a machine with SSH joins the cluster: cluster-ai node add user@host",
            values={"kind": service.kind.value},
        )
    return Taken(address, service, name or _name(address, service), owner)


def capabilities(service: Service) -> frozenset[str]:
    """What others can ask for: its kind, and the models that it has."""
    words = [service.kind.value, *(f"model:{name}" for name in service.models)]
    return frozenset(filter(_is_word, words[:MOST_WORDS]))


def _is_word(text: str) -> bool:
    try:
        _WORD.validate_python(text)
    except ValidationError:
        # A stranger's model may have any name; one that nobody could ask for is left out.
        return False
    return True


def _name(address: str, service: Service) -> str:
    said = _NO_NAME.sub("-", service.name)[:_LONGEST_NAME].strip("-._:@/") or service.kind.value
    return f"{said}@{authority(address, service.port)}"


def _url(address: str, service: Service) -> str:
    if service.kind is Kind.DATABASE:
        return ""
    plain = "ws" if service.kind is Kind.WEBSOCKET else "http"
    path = "/mcp" if service.kind is Kind.MCP else ""
    return f"{plain}{'s' if service.tls else ''}://{authority(address, service.port)}{path}"
