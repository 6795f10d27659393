"""The dashboard in Chromium on a whole cluster: a journey, accessibility, and the pictures of the documentation."""

import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.conftest import ROOT, Cluster, running

IMAGES = ROOT / "docs" / "images"
PASSWORD = "a password of the browser tests 7"

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    subprocess.run([ROOT / "scripts" / "setup" / "dashboard.sh"], check=True)
    folder = tmp_path_factory.mktemp("browser")
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    with running(folder / "home", CLUSTER_AI_ADMIN_PASSWORD_FILE=str(secret)) as started:
        yield started


def run(script: str, cluster: Cluster, **more: str) -> str:
    env = {
        **os.environ,
        "CLUSTER_AI_URL": f"http://localhost:{cluster.ports.backend}",
        "CLUSTER_AI_USER": "admin",
        "CLUSTER_AI_PASSWORD": PASSWORD,
        **more,
    }
    done = subprocess.run(
        ["npm", "run", "--silent", script],
        cwd=ROOT / "web-dashboard",
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def size(picture: Path) -> tuple[int, int]:
    """Width and height of a PNG."""
    head = picture.read_bytes()[:24]
    assert head.startswith(b"\x89PNG"), picture
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def test_journey_through_every_page(cluster: Cluster) -> None:
    print(run("e2e", cluster))


@pytest.mark.slow
def test_journey_in_every_look(cluster: Cluster) -> None:
    print(run("e2e", cluster, CLUSTER_AI_EVERY_LOOK="1"))


@pytest.mark.slow
def test_pictures_of_every_page(cluster: Cluster, tmp_path: Path) -> None:
    """Made anew each time; ``CLUSTER_AI_WRITE_IMAGES=1`` puts them into the documentation."""
    target = IMAGES if os.environ.get("CLUSTER_AI_WRITE_IMAGES") else tmp_path
    run("e2e:shots", cluster, CLUSTER_AI_SHOTS=str(target))
    made = {picture.name: size(picture) for picture in target.glob("*.png")}
    kept = {picture.name: size(picture) for picture in IMAGES.glob("*.png")}
    assert set(made) == set(kept), "run it with CLUSTER_AI_WRITE_IMAGES=1"
    wanted = {
        f"{page}-{theme}-{where}.png"
        for page in ("overview", "chat", "signin")
        for theme in ("light", "dark")
        for where in ("desktop", "phone")
    }
    assert set(made) >= wanted
    for name, (width, height) in made.items():
        assert width in {360, 1440, 720, 2880}, name
        assert (target / name).stat().st_size > 4_000, f"{name} is blank"
        assert height >= 300, name
