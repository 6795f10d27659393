"""How the first password comes into the world."""

from pathlib import Path

import pytest

from cluster_ai.accounts.opening import Vault
from cluster_ai.accounts.service import Attempt
from cluster_ai.accounts.types import BadCredentials, WeakPassword
from cluster_ai.core.errors import Misconfigured
from tests.accounts.house import GOOD, PASSWORD, House


def test_first_start_makes_up_a_password_and_leaves_it_for_the_owner(fresh: House) -> None:
    async def first(vault: Vault) -> None:
        file = fresh.secrets / "first-password"
        assert file.stat().st_mode & 0o777 == 0o600
        password = file.read_text().strip()
        assert len(password) >= 16
        assert not vault.admin.password_chosen
        assert (await vault.accounts.sign_in(Attempt("admin", password, "x"))).user.name == "admin"
        file.unlink()

    async def second(vault: Vault) -> None:
        assert not (fresh.secrets / "first-password").exists(), "it is shown once"
        assert not vault.admin.password_chosen

    fresh.tell(first)
    fresh.tell(second)


def test_kill_between_file_and_row_uses_the_same_password_again(fresh: House) -> None:
    (fresh.secrets / "first-password").write_text("left by the last start\n")

    async def story(vault: Vault) -> None:
        await vault.accounts.sign_in(Attempt("admin", "left by the last start", "x"))

    fresh.tell(story)


def test_given_password_counts_as_chosen_and_replaces_a_made_up_one(fresh: House) -> None:
    async def made_up(vault: Vault) -> None:
        assert not vault.admin.password_chosen

    async def given(vault: Vault) -> None:
        assert vault.admin.password_chosen
        assert not (fresh.secrets / "first-password").exists()
        await vault.accounts.sign_in(GOOD)
        await vault.accounts.change_password(GOOD, "a sentence of my own")

    async def kept(vault: Vault) -> None:
        await vault.accounts.sign_in(Attempt("admin", "a sentence of my own", "x"))
        with pytest.raises(BadCredentials):
            await vault.accounts.sign_in(GOOD)

    fresh.tell(made_up)
    (fresh.secrets / "admin-password").write_text(PASSWORD)
    fresh.tell(given)
    fresh.tell(kept)


def test_variable_names_another_file(fresh: House, tmp_path: Path) -> None:
    file = tmp_path / "mounted-secret"
    file.write_text(PASSWORD)
    fresh.env["CLUSTER_AI_ADMIN_PASSWORD_FILE"] = str(file)

    async def story(vault: Vault) -> None:
        assert vault.admin.password_chosen
        await vault.accounts.sign_in(GOOD)

    fresh.tell(story)


def test_unreadable_or_weak_file_stops_the_start(fresh: House, tmp_path: Path) -> None:
    async def never(_vault: Vault) -> None:
        pytest.fail("it must not start")

    fresh.env["CLUSTER_AI_ADMIN_PASSWORD_FILE"] = str(tmp_path / "nothing")
    with pytest.raises(Misconfigured, match="cannot be read"):
        fresh.tell(never)
    (tmp_path / "nothing").write_text("password")
    with pytest.raises(WeakPassword):
        fresh.tell(never)
