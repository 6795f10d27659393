"""A password is taken as it was typed, whatever it is made of, and stays good."""

import base64

import pytest

from cluster_ai.accounts.opening import Vault
from cluster_ai.accounts.service import Attempt
from cluster_ai.accounts.types import BadCredentials
from cluster_ai.core.errors import Unauthenticated
from tests.accounts.house import GOOD, House

ADDRESS = "10.0.0.9"
YEAR = 365 * 86_400.0


@pytest.mark.parametrize(
    "password", ["onlysmallwords", "83749261", "  spaces stay  ", "ÄÖÜ ☃ 密碼 пароль", "A tide of lanterns " * 4 + "é"]
)
def test_any_composition_is_taken_as_it_is(house: House, password: str) -> None:
    async def story(vault: Vault) -> None:
        await vault.accounts.change_password(GOOD, password)
        assert (await vault.accounts.sign_in(Attempt("admin", password, ADDRESS))).user.name == "admin"
        for other in {password[:-1], password.strip(), password.swapcase(), password + " "} - {password}:
            with pytest.raises(BadCredentials):
                await vault.accounts.sign_in(Attempt("admin", other, f"{ADDRESS} {other}"))

    house.tell(story)


def test_it_stays_good_until_somebody_changes_it(house: House) -> None:
    async def story(vault: Vault) -> None:
        house.now += 3 * YEAR
        assert (await vault.accounts.sign_in(GOOD)).token

    house.tell(story)


def test_signing_in_again_ends_the_session_of_before(house: House) -> None:
    async def story(vault: Vault) -> None:
        before = (await vault.accounts.sign_in(GOOD)).token
        elsewhere = (await vault.accounts.sign_in(GOOD)).token
        after = (await vault.accounts.sign_in(GOOD, replaces=before)).token
        assert len({before, elsewhere, after}) == 3
        with pytest.raises(Unauthenticated):
            await vault.accounts.of_session(before)
        for token in (elsewhere, after):
            assert (await vault.accounts.of_session(token)).name == "admin"
            assert len(base64.urlsafe_b64decode(f"{token}=")) == 32

    house.tell(story)
