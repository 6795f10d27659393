"""Versions below these have published holes that this design leans on not having; some libraries may not come in at all."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.version import Version

LOCK = Path(__file__).parents[2] / "requirements" / "runtime.lock"
FLOORS = {
    "starlette": "1.3.0",
    "h11": "0.16",
    "aiohttp": "3.13.4",
    "pyjwt": "2.12.0",
    "distributed": "2026.1.0",
    "fastapi": "0.165.0",
    "uvicorn": "0.54.0",
    "cryptography": "50.0",
}
BANNED = ["python-jose", "passlib", "litellm", "python-multipart", "ecdsa"]


def locked() -> dict[str, str]:
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    pins = [
        line.split(" ")[0].rstrip("\\").strip() for line in lines if "==" in line and not line.startswith((" ", "#"))
    ]
    return dict(pin.split("==") for pin in pins)


@pytest.mark.parametrize("name", FLOORS)
def test_locked_and_installed_versions_are_above_the_floor(name: str) -> None:
    assert Version(locked()[name]) >= Version(FLOORS[name])
    assert Version(version(name)) >= Version(FLOORS[name])


@pytest.mark.parametrize("name", BANNED)
def test_banned_library_is_not_in_the_product(name: str) -> None:
    assert name not in locked()


def test_multipart_if_it_ever_comes_is_not_the_old_one() -> None:
    try:
        found = version("python-multipart")
    except PackageNotFoundError:
        return
    assert Version(found) >= Version("0.0.27")
