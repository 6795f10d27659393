"""Words of discovery: what was found near, how, and what for it can be used. Pure. Everything in them is a hint."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from cluster_ai.core.wire import View

LONGEST_WORD: Final = 80


class How(StrEnum):
    """By what something was found."""

    SCAN = "scan"
    MDNS = "mdns"
    SSH_CONFIG = "ssh_config"
    KNOWN_HOSTS = "known_hosts"
    ARP = "arp"


class Kind(StrEnum):
    """What a port serves."""

    SSH = "ssh"
    OLLAMA = "ollama"
    CLUSTER_HEAD = "cluster_head"
    """The head of a cluster of this program."""
    CLUSTER_MACHINE = "cluster_machine"
    CLUSTER_GATEWAY = "cluster_gateway"
    OPENAI = "openai"
    """Models behind OpenAI's API: vLLM, llama.cpp, LM Studio and their like."""
    AGENT = "agent"
    """An agent that shows an agent card (A2A)."""
    MCP = "mcp"
    """Tools for language models (Model Context Protocol)."""
    WEB = "web"
    API = "api"
    WEBSOCKET = "websocket"
    DATABASE = "database"
    TLS = "tls"
    """Encrypted, and it says no more."""
    OTHER = "other"


class Why(StrEnum):
    """What keeps a find from becoming a machine of the cluster."""

    THIS_MACHINE = "this_machine"
    IN_CLUSTER = "in_cluster"
    NO_SSH = "no_ssh"
    PROXY_COMMAND = "proxy_command"
    """Its SSH entry starts a program, which we do not."""
    NAME_UNKNOWN = "name_unknown"
    BEYOND_LAN = "beyond_lan"
    BAD_NAME = "bad_name"


class Service(View):
    """What answers at a port."""

    port: int
    kind: Kind
    name: str = ""
    version: str = ""
    tls: bool = False
    models: tuple[str, ...] = ()
    cluster: str = ""
    """Of ours: which one."""


class Entry(View):
    """How the user's SSH settings reach it."""

    alias: str
    user: str = ""
    port: int = 22
    jump: str = ""
    identities: tuple[str, ...] = ()


class Found(View):
    """A machine, or what may be one. Told again whenever more is known of it."""

    id: str
    """The same in every telling."""
    address: str = ""
    others: tuple[str, ...] = ()
    """Further addresses with the same host key."""
    names: tuple[str, ...] = ()
    how: tuple[How, ...] = ()
    services: tuple[Service, ...] = ()
    mac: str = ""
    entry: Entry | None = None
    host_keys: tuple[str, ...] = ()
    """Fingerprints that are known of it."""
    why_not: Why | None = None

    @property
    def usable(self) -> bool:
        return self.why_not is None

    @property
    def target(self) -> str:
        """What SSH calls it."""
        return self.entry.alias if self.entry else self.address


class LeftOut(View):
    """A network, or a part of one, that is not looked at. ``why``: a code of ``subnets``."""

    interface: str
    network: str
    why: str


class Progress(View):
    """How far a stage is: ``alive`` and ``ports`` count attempts, ``mdns`` seconds, ``names`` names."""

    stage: str
    done: int
    total: int


class Ended(View):
    """The last thing that is told."""

    found: int
    left_out: tuple[LeftOut, ...] = ()
    hashed: int = 0
    """Lines of known_hosts files whose names are hashed: there may be machines behind them."""
    seconds: float = 0.0
    problems: Mapping[str, str] = {}
    """Sources that could not be used, and why."""


Event = Found | Progress | Ended


def plain(text: object, most: int = LONGEST_WORD) -> str:
    """What a stranger said, short and without anything that a terminal or a page would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text)[: most * 2])[:most].strip()
