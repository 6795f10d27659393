from pathlib import Path

import pytest

from tests.accounts.house import PASSWORD, House


@pytest.fixture
def fresh(empty_url: str, tmp_path: Path) -> House:
    """A data directory that nobody used yet, with each kind of database."""
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    return House(empty_url, secrets)


@pytest.fixture
def house(fresh: House) -> House:
    """One whose admin has ``PASSWORD``."""
    (fresh.secrets / "admin-password").write_text(PASSWORD + "\n")
    return fresh
