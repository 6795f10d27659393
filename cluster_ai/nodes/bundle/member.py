"""The head as a machine finds it that has joined: under its own certificate. Python's own library alone."""

import http.client
import json
import os
import socket
import ssl
import tomllib
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cluster_ai.nodes.bundle.head import Head, NoHead, Reached, trusting
from cluster_ai.nodes.bundle.manifest import PREFIX

AGENT_SOCKET: Final = "agent.sock"
PATIENCE: Final = 3.0


def has_joined(home: Path) -> bool:
    """Whether the settings in ``home`` name a head."""
    return bool(_heads(home))


def head_of(home: Path) -> Head:
    """The first address of this machine's head that answers.

    Raises:
        NoHead: it has none, or none answers.
    """
    folder, tried = home / "secrets/tls", []
    try:
        authority = (folder / "ca.crt").read_text(encoding="ascii")
        context = trusting(authority)
        context.load_cert_chain(folder / "current/cert.pem", folder / "current/key.pem")
    except (OSError, ssl.SSLError) as exc:
        raise NoHead(f"this machine has no certificate of a cluster: {exc}") from exc
    for url in _heads(home):
        parts = urlsplit(url)
        head = Head(Reached(parts.hostname or "", parts.port or 443, authority, "", 0.0), context=context)
        try:
            head.read(PREFIX)
        except OSError as exc:
            tried.append(f"{url}: {exc}")
        else:
            return head
    raise NoHead("; ".join(tried) or f"{home} names no head")


def agent_says(home: Path) -> dict[str, Any]:
    """How the agent's conversation with the head goes (``GET /-/health``); empty while it does not run.

    Changes the working directory: the path of a socket must be short, that of a home need not be.
    """
    connection = http.client.HTTPConnection("localhost")
    try:
        os.chdir(home / "run")
        with socket.socket(socket.AF_UNIX) as connection.sock:
            connection.sock.settimeout(PATIENCE)
            connection.sock.connect(AGENT_SOCKET)
            connection.request("GET", "/-/health")
            told = json.loads(connection.getresponse().read(1024 * 1024))
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    return told if isinstance(told, dict) else {}


def _heads(home: Path) -> list[str]:
    """What people wrote themselves wins over what joining left."""
    for table in (_configured(home / "config.toml"), _joined(home / "membership.json")):
        heads = table.get("head") if isinstance(table, dict) else None
        if isinstance(heads, list) and heads:
            return [str(one) for one in heads]
    return []


def _configured(path: Path) -> Any:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")).get("agent")
    except (OSError, ValueError):
        return None


def _joined(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
