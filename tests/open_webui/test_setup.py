"""How Open WebUI comes onto a machine: its lock, its script, the containers and what the pages say of them."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster_ai.gateway.dialects.open_webui import TASK
from cluster_ai.settings import Ports, Settings
from tests.open_webui.requests import recorded

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements" / "open-webui.lock").read_text(encoding="utf-8")
PAGES = ("docs/open-webui.md", "docs/open-webui.pt-BR.md")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    # What starts when nothing more is asked for.
    return {name: service for name, service in services.items() if "profiles" not in service}


@pytest.fixture
def shown(tmp_path: Path) -> dict[str, str]:
    """The environment with which the script starts the program, and its words as ``argv``."""
    root = tmp_path / "tree"
    for folder in ("scripts/setup", "scripts/manager", "requirements", ".venv-open-webui/bin"):
        (root / folder).mkdir(parents=True)
    for name in ("scripts/setup/open_webui.sh", "scripts/manager/words.sh", "scripts/manager/steps.sh"):
        (root / name).write_bytes((ROOT / name).read_bytes())
    (root / "requirements/open-webui.lock").write_text("", encoding="utf-8")
    program = root / ".venv-open-webui/bin/open-webui"
    program.write_text(
        f"#!{sys.executable}\nimport json, os, sys\nprint(json.dumps({{**os.environ, 'argv': ' '.join(sys.argv[1:]), 'cwd': os.getcwd()}}))\n"
    )
    program.chmod(0o755)
    # Of an empty lock, as `cksum` tells it: checksum and length.
    digest = subprocess.run(["cksum"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    (root / ".venv-open-webui/installed").write_text(
        f"{digest.stdout.strip().replace(' ', '-')} {root}", encoding="utf-8"
    )
    words = ["bash", root / "scripts/setup/open_webui.sh", "serve", "--port", "3999"]
    env = {"PATH": os.environ["PATH"], "RAG_EMBEDDING_MODEL": "my-own", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def test_lock_pins_everything_by_hash_and_names_no_address() -> None:
    packages = re.findall(r"^([a-z0-9-]+)==", LOCK, re.MULTILINE)
    assert len(packages) > 100
    assert LOCK.count("--hash=sha256:") >= len(packages)
    assert "://" not in LOCK
    assert "open-webui" in packages


def test_lock_is_the_slim_set() -> None:
    heavy = {"torch", "transformers", "chromadb", "sentence-transformers", "onnxruntime", "playwright"}
    assert not heavy & set(re.findall(r"^([a-z0-9-]+)==", LOCK, re.MULTILINE))


def test_open_webui_is_no_package_of_ours() -> None:
    for name in ("runtime", "dev"):
        assert "open-webui" not in (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")


def test_script_starts_it_on_this_machine_only_before_the_gateway(shown: dict[str, str]) -> None:
    assert shown["argv"] == "serve --host 127.0.0.1 --port 3000 --port 3999"
    assert shown["OLLAMA_BASE_URLS"] == f"http://127.0.0.1:{Ports().gateway}"
    assert shown["ENABLE_PERSISTENT_CONFIG"] == "false"
    assert shown["ENABLE_FORWARD_USER_INFO_HEADERS"] == "true"


def test_script_lets_it_say_which_calls_nobody_waits_for(shown: dict[str, str]) -> None:
    headers = json.loads(shown["OLLAMA_API_CONFIGS"])["0"]["headers"]
    assert {name.lower(): value for name, value in headers.items()} == {TASK: "{{TASK}}"}
    assert recorded("title_task").lower()[TASK] == "title_generation"


def test_what_the_caller_set_wins(shown: dict[str, str]) -> None:
    assert shown["RAG_EMBEDDING_MODEL"] == "my-own"


def test_its_data_is_nobody_elses(shown: dict[str, str]) -> None:
    assert shown["cwd"] == shown["DATA_DIR"], "the secret of its sessions is written where it starts"
    assert stat.S_IMODE(Path(shown["DATA_DIR"]).stat().st_mode) == 0o700


def test_containers_share_the_machines_network_and_keep_their_data(compose: dict[str, Any]) -> None:
    assert set(compose) == {"cluster", "open-webui"}
    for service in compose.values():
        # Ports would be published by Docker past the machine's firewall, and the gateway is not reached otherwise.
        assert service["network_mode"] == "host"
        assert "ports" not in service
        assert service["volumes"]
    assert compose["open-webui"]["depends_on"]["cluster"]["condition"] == "service_healthy"


def test_containers_are_built_from_what_is_here(compose: dict[str, Any]) -> None:
    recipe = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", recipe, re.MULTILINE))
    for service in compose.values():
        build = service["build"]
        assert (ROOT / build["context"] / build.get("dockerfile", "Dockerfile")).samefile(ROOT / "Dockerfile")
        assert build["target"] in stages
    scripts = re.findall(r"\./(scripts/\S+?\.sh)", recipe)
    assert "scripts/setup/open_webui.sh" in scripts
    for script in scripts:
        assert os.access(ROOT / script, os.X_OK), script
    assert str(Ports().gateway) in " ".join(compose["cluster"]["healthcheck"]["test"])


def test_containers_are_built_without_what_lies_about() -> None:
    left = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".git", ".venv", ".venv-open-webui", ".open-webui", "**/node_modules"} <= set(left)


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_the_settings_the_variables_and_the_version(page: str) -> None:
    words = (ROOT / page).read_text(encoding="utf-8")
    version = re.search(r"^open-webui==(\S+)", LOCK, re.MULTILINE)
    assert version is not None
    assert version[1] in words
    gateway = Settings.model_fields["gateway"].annotation.model_fields
    for name in ("open_webui_secret", "trust_user_headers"):
        assert name in gateway
        assert name in words
    script = (ROOT / "scripts/setup/open_webui.sh").read_text(encoding="utf-8")
    for name in re.findall(r"^\s+([A-Z_]{8,})=", words, re.MULTILINE):
        assert name in script, name
