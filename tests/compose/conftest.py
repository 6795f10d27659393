"""One engine with the image for all that is started here: it takes minutes to make."""

import os
import shutil
import time
from collections.abc import Iterator

import pytest

from tests.compose.others import make_others
from tests.compose.podman import FACTS, Podman, make_base, make_image, podman


@pytest.fixture(scope="package")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    missing = [name for name in ("podman", "runc", "debootstrap", "ip", "curl") if not shutil.which(name)]
    if missing or os.geteuid() != 0:
        pytest.skip(f"not root, or missing: {missing}; scripts/setup/system_packages.sh installs them")
    assert shutil.which("docker-compose"), "requirements/dev.lock brings it"
    with podman(tmp_path_factory.mktemp("stack")) as one:
        make_base(one)
        since = time.monotonic()
        size = make_image(one)
        FACTS.update(image=f"{size / 1e6:.0f} MB", build=f"{time.monotonic() - since:.0f} s")
        yield one
        print(FACTS)


@pytest.fixture(scope="package")
def others(engine: Podman) -> Podman:
    """The engine with the images that others publish, too."""
    make_others(engine)
    return engine
