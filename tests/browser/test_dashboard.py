"""The dashboard in Chromium on a whole cluster: a journey, accessibility, and the pictures of the documentation."""

import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster.conftest import ROOT, Cluster, running
from tests.fakes.fleet import Fleet

IMAGES = ROOT / "docs" / "images"
HOSTILE = "<img src=x onerror=window.taken=1>"
PASSWORD = "a password of the browser tests 7"

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    subprocess.run([ROOT / "scripts" / "setup" / "dashboard.sh", "--to-work"], check=True)
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


@contextmanager
def hostile_node(cluster: Cluster) -> Iterator[None]:
    config = cluster.home / "config.toml"
    with Fleet(1, models=[HOSTILE]) as fleet:
        config.write_text(f'[[gateway.upstreams]]\nname = "hostile"\nurl = "http://127.0.0.1:{fleet.nodes[0].port}"\n')
        config.chmod(0o600)
        try:
            assert cluster.cli("reload").returncode == 0
            yield
        finally:
            config.unlink()
            cluster.cli("reload")


def size(picture: Path) -> tuple[int, int]:
    """Width and height of a PNG."""
    head = picture.read_bytes()[:24]
    assert head.startswith(b"\x89PNG"), picture
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def test_journey_through_every_page(cluster: Cluster) -> None:
    print(run("e2e", cluster))


def test_other_pages_change_nothing_and_hostile_names_stay_text(cluster: Cluster) -> None:
    """A node may call its models what it likes; the other names are chosen by the script."""
    at = cluster.ports
    others = (f"{at.gateway}/api/tags", f"{at.node}/api/tags", f"{at.dask_dashboard}/json/index.html")
    with hostile_node(cluster):
        print(run("e2e:attacks", cluster, CLUSTER_AI_HOSTILE=HOSTILE, CLUSTER_AI_OTHERS=",".join(others)))


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
