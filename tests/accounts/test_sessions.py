"""Where people are signed in: what they see of it, and how it ends."""

import pytest

from cluster_ai.accounts.opening import Vault
from cluster_ai.accounts.service import Attempt, digest
from cluster_ai.accounts.types import Doer
from cluster_ai.core.errors import NotFound, Unauthenticated
from tests.accounts.house import PASSWORD, House

ME = Doer("1", "admin", "10.0.0.1")


async def sign_in(vault: Vault, agent: str) -> tuple[str, str]:
    """The token and the user's id."""
    signed = await vault.accounts.sign_in(Attempt("admin", PASSWORD, "10.0.0.1", agent))
    return signed.token, signed.user.id


def test_sessions_say_where_from_and_which_is_this_one(house: House) -> None:
    async def story(vault: Vault) -> None:
        start = house.now
        old, _ = await sign_in(vault, "old")
        house.now += 30
        mine, user = await sign_in(vault, "x" * 1000)
        shown = await vault.accounts.sessions(user, current=mine)
        assert [(row.agent[:3], row.current, row.address) for row in shown] == [
            ("xxx", True, "10.0.0.1"),
            ("old", False, "10.0.0.1"),
        ]
        assert (shown[1].created_at, shown[0].created_at) == (start, start + 30)
        assert not any(secret in str(shown) for secret in (old, mine, digest(mine)))
        house.now += 590
        assert [row.agent[:3] for row in await vault.accounts.sessions(user)] == ["xxx"]

    house.tell(story)


def test_one_session_ends_and_the_others_go_on(house: House) -> None:
    async def story(vault: Vault) -> None:
        old, user = await sign_in(vault, "old")
        mine, _ = await sign_in(vault, "mine")
        which = next(row.id for row in await vault.accounts.sessions(user) if row.agent == "old")
        with pytest.raises(NotFound):
            await vault.accounts.end_session("somebody else", which, doer=ME, subject="x")
        await vault.accounts.end_session(user, which, doer=ME, subject="admin")
        with pytest.raises(Unauthenticated):
            await vault.accounts.of_session(old)
        assert (await vault.accounts.of_session(mine)).name == "admin"
        assert (await vault.accounts.audit.page(limit=1))[0].subject == f"admin: {which}"

    house.tell(story)


def test_all_others_end_at_once(house: House) -> None:
    async def story(vault: Vault) -> None:
        others = [(await sign_in(vault, "other"))[0] for _ in range(2)]
        mine, user = await sign_in(vault, "mine")
        await vault.accounts.end_sessions(user, keep=mine, doer=ME, subject="admin")
        for other in others:
            with pytest.raises(Unauthenticated):
                await vault.accounts.of_session(other)
        assert (await vault.accounts.of_session(mine)).name == "admin"

    house.tell(story)
