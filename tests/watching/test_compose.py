"""The two Compose files, as far as that can be seen without a container engine."""

import json
import os
import re
import shutil
import ssl
import subprocess
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from redis import Redis
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError

from cluster_ai.accounts.passwords import check_strength
from cluster_ai.ops.sealed import Key
from cluster_ai.settings import Settings
from tests.compose.secrets import draw_secrets
from tests.ports import free_base
from tests.waiting import until

ROOT = Path(__file__).parents[2]
FILES = {
    name: yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    for name in ("docker-compose.yml", "docker-compose.prod.yml")
}
SERVICES = [(name, key, service) for name, file in FILES.items() for key, service in file["services"].items()]
ONCE = {"watch-keys", "prepare"}
"""Run to their end and are not watched."""
CARDS = ("nvidia", "amd")

STRINGS = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
WORDS = {"anyOf": [{"type": "string"}, STRINGS]}
NAMED = {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
MOUNT = {
    "type": "object",
    "required": ["type", "source", "target"],
    "properties": {
        "type": {"enum": ["volume", "bind"]},
        "source": {"type": "string"},
        "target": {"type": "string"},
        "read_only": {"type": "boolean"},
    },
    "additionalProperties": False,
}
SERVICE = {
    "type": "object",
    "required": ["image"],
    "properties": {
        "image": {"type": "string", "pattern": r"^[a-z0-9][a-z0-9./-]*(:[a-z0-9][a-z0-9.-]*)?$"},
        "build": {"type": "object", "required": ["context", "target", "args"]},
        "network_mode": {"enum": ["host", "none"]},
        "init": {"type": "boolean"},
        "restart": {"enum": ["unless-stopped", "no"]},
        "stop_grace_period": {"type": "string", "pattern": "^[0-9]+s$"},
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "condition": {"enum": ["service_healthy", "service_started", "service_completed_successfully"]}
                },
                "additionalProperties": False,
            },
        },
        "environment": {"anyOf": [NAMED, STRINGS]},
        "volumes": {
            "type": "array",
            "items": {"anyOf": [{"type": "string", "pattern": "^[^:]+:/[^:]*(:ro)?$"}, MOUNT]},
        },
        "healthcheck": {
            "type": "object",
            "required": ["test", "interval", "timeout", "retries"],
            "properties": {
                "test": {"type": "array", "prefixItems": [{"enum": ["CMD", "CMD-SHELL"]}], "items": {"type": "string"}},
                "interval": {"type": "string"},
                "timeout": {"type": "string"},
                "retries": {"type": "integer"},
                "start_period": {"type": "string"},
            },
            "additionalProperties": False,
        },
        "profiles": STRINGS,
        "command": WORDS,
        "ports": STRINGS,
        "user": {"type": "string"},
        "tmpfs": WORDS,
        "read_only": {"type": "boolean"},
        "cap_drop": STRINGS,
        "cap_add": STRINGS,
        "security_opt": STRINGS,
        "shm_size": {"type": "string"},
        "logging": {
            "type": "object",
            "properties": {"driver": {"type": "string"}, "options": NAMED},
            "additionalProperties": False,
        },
        "secrets": {
            "type": "array",
            "items": {
                "anyOf": [
                    {"type": "string"},
                    {"type": "object", "required": ["source", "target"], "additionalProperties": {"type": "string"}},
                ]
            },
        },
        "deploy": {
            "type": "object",
            "properties": {
                "resources": {
                    "type": "object",
                    "properties": {
                        "limits": {
                            "type": "object",
                            "properties": {
                                "cpus": {"type": "string"},
                                "pids": {"type": "integer"},
                                "memory": {"type": "string", "pattern": "^[0-9]+[MG]$"},
                            },
                            "additionalProperties": False,
                        }
                    },
                    "additionalProperties": False,
                }
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
COMPOSE = {
    "type": "object",
    "required": ["name", "services", "volumes"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "services": {"type": "object", "additionalProperties": SERVICE},
        "volumes": {"type": "object", "additionalProperties": {"type": "null"}},
        "secrets": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["file"],
                "additionalProperties": {"type": "string"},
            },
        },
    },
    "patternProperties": {"^x-": {}},
    "additionalProperties": False,
}
"""The part of the Compose specification that the files use."""


def ids(value: Any) -> str:
    return value if isinstance(value, str) else ""


@pytest.mark.parametrize("name", FILES)
def test_the_file_holds_only_what_the_specification_knows(name: str) -> None:
    found = [
        f"{'/'.join(map(str, error.path))}: {error.message}"
        for error in Draft202012Validator(COMPOSE).iter_errors(FILES[name])
    ]
    assert not found


def merged(folder: Path, *names: str) -> dict[str, Any]:
    """What the real program makes of the files, with every profile."""
    client = shutil.which("docker-compose")
    assert client, "requirements/dev.lock brings it"
    for name in names:
        shutil.copy(ROOT / name, folder / name)
    files = [word for name in names for word in ("-f", name)]
    done = subprocess.run(
        [client, "--profile", "*", *files, "config", "--format", "json"],
        cwd=folder, env=os.environ, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", FILES)
def test_compose_itself_takes_it(name: str, tmp_path: Path) -> None:
    draw_secrets(tmp_path)
    model = merged(tmp_path, name)
    assert model["services"].keys() == FILES[name]["services"].keys()
    cluster = model["services"]["cluster"]
    assert cluster["read_only"], "and /tmp of the memory"
    assert cluster["tmpfs"] == ["/tmp"]
    assert cluster["cap_drop"] == ["ALL"]
    assert {mount["target"] for mount in cluster["volumes"]} == {"/data", "/backups"}
    assert "user" not in cluster, "that of the image"


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("name", FILES)
def test_a_card_is_added_to_either_file_and_takes_nothing_from_it(name: str, card: str, tmp_path: Path) -> None:
    draw_secrets(tmp_path)
    alone = merged(tmp_path, name)["services"]
    model = merged(tmp_path, name, f"docker-compose.{card}.yml")["services"]
    assert model.keys() - alone.keys() == {"ollama"}
    assert alone["cluster"].get("depends_on", {}).items() <= model["cluster"]["depends_on"].items()
    assert model["cluster"]["depends_on"]["ollama"]["condition"] == "service_healthy"
    if card == "nvidia":
        (device,) = model["ollama"]["deploy"]["resources"]["reservations"]["devices"]
        assert (device["driver"], device["count"], device["capabilities"]) == ("nvidia", -1, ["gpu"])
    else:
        assert {one["source"] for one in model["ollama"]["devices"]} == {"/dev/kfd", "/dev/dri"}
        assert model["ollama"]["image"].endswith("-rocm")


def stages() -> dict[str, str]:
    """Name of a stage to its lines."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    found = re.split(r"^FROM (\S+) AS (\S+)$", text, flags=re.MULTILINE)[1:]
    return {name: lines for _, name, lines in zip(*[iter(found)] * 3, strict=True)}


def test_the_image_is_made_in_stages_and_runs_as_nobody_special() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    froms = re.findall(r"^FROM (\S+) AS", text, flags=re.MULTILINE)
    assert {one for one in froms if one not in stages()} == {"${BASE_IMAGE}"}, "no other image is fetched"
    assert list(stages())[-1] == "cluster"
    assert "USER cluster" in stages()["base"]
    for name in ("cluster", "open-webui"):
        assert "HEALTHCHECK" in stages()[name]
        assert "USER" not in stages()[name]
        assert "RUN" not in stages()[name], "nothing is built where it runs"


@pytest.mark.parametrize("name", FILES)
def test_names_that_are_used_are_declared(name: str) -> None:
    file = FILES[name]
    for key, service in file["services"].items():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0] if isinstance(mount, str) else mount["source"]
            if source.startswith("./"):
                assert (ROOT / source).exists(), f"{key}: {source}"
            else:
                assert source in file["volumes"], f"{key}: {source}"
        for secret in service.get("secrets", []):
            assert (secret if isinstance(secret, str) else secret["source"]) in file["secrets"], key
        for other in service.get("depends_on", {}):
            assert other in file["services"], key
            condition = service["depends_on"][other]["condition"]
            assert condition != "service_healthy" or "healthcheck" in file["services"][other]


@pytest.mark.parametrize(("name", "key", "service"), SERVICES, ids=ids)
def test_a_service_is_watched_and_brings_no_password(name: str, key: str, service: dict[str, Any]) -> None:
    if key not in ONCE:
        assert "healthcheck" in service
    told = service.get("environment", {})
    pairs = told.items() if isinstance(told, dict) else (one.partition("=")[::2] for one in told)
    for variable, value in pairs:
        if re.search("PASSWORD|SECRET|TOKEN|KEY", variable) and not variable.endswith(("_FILE", "__FILE")):
            assert value in {"", "${OPEN_WEBUI_SECRET:-}"}, f"{variable} has a value of its own"
    assert "latest" not in service["image"]
    assert ":" in service["image"] or service["image"].startswith("cluster-ai"), "pinned"


@pytest.mark.parametrize("key", FILES["docker-compose.prod.yml"]["services"])
def test_production_has_limits_and_starts_again(key: str) -> None:
    service = FILES["docker-compose.prod.yml"]["services"][key]
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert service["restart"] == ("no" if key in ONCE else "unless-stopped")
    assert service["logging"]["options"]["max-size"]
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")


def test_no_secret_gets_into_an_image() -> None:
    """The images take all of the folder but what is left out here."""
    left_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "secrets" in left_out
    assert "/secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_how_to_makes_every_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_secrets(tmp_path)
    for secret in FILES["docker-compose.prod.yml"]["secrets"].values():
        file = tmp_path / secret["file"]
        assert file.stat().st_size > 0
        assert file.stat().st_mode & 0o077 == 0
    before = (tmp_path / "secrets/internal.token").read_text()
    draw_secrets(tmp_path)
    assert (tmp_path / "secrets/internal.token").read_text() == before, "a second run changes none"
    for name in list(os.environ):
        if name.startswith("CLUSTER_AI_"):
            monkeypatch.delenv(name)
    settings = Settings(home=tmp_path, **tomllib.loads((tmp_path / "secrets/config.toml").read_text()))
    check_strength((tmp_path / "secrets/admin-password").read_text().strip(), name="admin")
    assert settings.backup.folder == "/backups"
    assert settings.backup.every_hours == 24
    assert Key.of_file(tmp_path / "secrets/backup.key")
    assert settings.database_url is not None
    assert settings.database_url.startswith("postgresql://cluster:")


def nginx(folder: Path, name: str, *, port: int) -> Path:
    """The file with this folder's certificate, and its ports moved to ``port`` and those behind it."""
    text = (ROOT / "config/nginx" / name).read_text(encoding="utf-8").replace("/tmp/", f"{folder}/")
    for what, file in (("tls_certificate", "tls.crt"), ("tls_key", "tls.key")):
        text = text.replace(f"/run/secrets/{what}", f"{folder}/secrets/{file}")
    for number, old in enumerate(("127.0.0.1:5601", "80;", "443 ssl", "11443 ssl", "5601 ssl")):
        end = " ssl" if "ssl" in old else ";" if ";" in old else ""
        text = text.replace(f"listen {old}", f"listen 127.0.0.1:{port + number}{end}")
    made = folder / name
    made.write_text(text)
    return made


def test_the_proxy_says_that_a_call_came_through_it() -> None:
    """Else the gateway would take the whole network for callers on this machine, who need no key."""
    text = (ROOT / "config/nginx/production.conf").read_text(encoding="utf-8")
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in text
    # nginx forgets all of them for a place that sets one of its own.
    assert not re.search(r"(location|server) [^}]*proxy_set_header", text.split("# The dashboard and the API.")[1])


@pytest.mark.real
@pytest.mark.parametrize("name", ["logs.conf", "production.conf"])
def test_nginx_leads_from_5601_to_the_page_of_logs(name: str, tmp_path: Path) -> None:
    draw_secrets(tmp_path)
    base = free_base()
    config = nginx(tmp_path, name, port=base)
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program
    with subprocess.Popen([program, "-c", str(config), "-g", "daemon off; user root;", "-p", str(tmp_path)]) as process:
        trusting = ssl.create_default_context(cafile=tmp_path / "secrets/tls.crt")
        trusting.check_hostname = False
        url = f"http://127.0.0.1:{base}" if name == "logs.conf" else f"https://127.0.0.1:{base + 4}"
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trusting), Staying())

        def answered() -> bool:
            try:
                return bool(opener.open(f"{url}/health", timeout=2).read() == b"ok\n")
            except OSError:
                return False

        try:
            until(answered, what="nginx answers")
            answer = opener.open(f"{url}/app/discover", timeout=5)
            assert answer.status == 302
            assert answer.headers["Location"] in {"http://127.0.0.1:8000/logs", "https://127.0.0.1/logs"}
        finally:
            process.terminate()
            process.wait(timeout=10)


@pytest.mark.real
def test_redis_takes_its_file_on_its_standard_input_and_nobody_without_the_password(tmp_path: Path) -> None:
    draw_secrets(tmp_path)
    port = free_base()
    text = (tmp_path / "secrets/redis.conf").read_text().replace("dir /data", f"dir {tmp_path}")
    (tmp_path / "moved.conf").write_text(f"{text}port {port}\nbind 127.0.0.1\n")
    with (tmp_path / "moved.conf").open() as config, subprocess.Popen(["redis-server", "-"], stdin=config) as process:
        try:
            known = tomllib.loads((tmp_path / "secrets/config.toml").read_text())["redis_url"]
            with Redis.from_url(known.replace("127.0.0.1", f"127.0.0.1:{port}")) as client:
                until(client.ping, what="Redis answers", bears=(RedisConnectionError,))
            with Redis(port=port) as stranger, pytest.raises(AuthenticationError):
                stranger.get("x")
        finally:
            process.terminate()
            process.wait(timeout=10)


class Staying(urllib.request.HTTPErrorProcessor):
    """Follows no redirect."""

    def http_response(self, _request: Any, response: Any) -> Any:
        return response

    https_response = http_response
