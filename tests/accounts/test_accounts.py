"""Sessions, tokens and passwords on both databases, by a clock that the test moves."""

import asyncio
import time

import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from cluster_ai.accounts import tables
from cluster_ai.accounts.opening import Vault
from cluster_ai.accounts.passwords import SHORTEST, Passwords, check_strength
from cluster_ai.accounts.service import Attempt, csrf_of, digest
from cluster_ai.accounts.throttle import MOST_KEYS, Throttle
from cluster_ai.accounts.types import BadCredentials, TooManyAttempts, WeakPassword
from cluster_ai.core.errors import Unauthenticated
from tests.accounts.house import GOOD, PASSWORD, House


def test_session_lives_by_use_and_ends_by_age_idling_and_sign_out(house: House) -> None:
    async def story(vault: Vault) -> None:
        accounts, start = vault.accounts, house.now
        token = (await accounts.sign_in(GOOD)).token
        for minutes in range(0, 60, 9):
            house.now = start + minutes * 60
            assert (await accounts.of_session(token)).name == "admin"
        house.now = start + 3601
        with pytest.raises(Unauthenticated):
            await accounts.of_session(token)
        idle = (await accounts.sign_in(GOOD)).token
        house.now += 601
        with pytest.raises(Unauthenticated):
            await accounts.of_session(idle)
        left = (await accounts.sign_in(GOOD)).token
        await accounts.sign_out(left, actor="admin", address="x")
        with pytest.raises(Unauthenticated):
            await accounts.of_session(left)
        for other in ("", "x", "é" * 50, "x" * 100_000, "\udcff"):
            with pytest.raises(Unauthenticated):
                await accounts.of_session(other)

    house.tell(story)


def test_watching_is_no_sign_of_life(house: House) -> None:
    async def story(vault: Vault) -> None:
        token = (await vault.accounts.sign_in(GOOD)).token
        for _ in range(5):
            house.now += 150
            if house.now < 1_800_000_000 + 600:
                await vault.accounts.of_session(token, touch=False)
        with pytest.raises(Unauthenticated):
            await vault.accounts.of_session(token, touch=False)

    house.tell(story)


def test_database_never_holds_a_credential(house: House) -> None:
    async def story(vault: Vault) -> None:
        token = (await vault.accounts.sign_in(GOOD)).token
        async with vault.database.read() as connection:
            rows = [
                str(row)
                for table in (tables.users, tables.sessions, tables.audit)
                for row in (await connection.execute(table.select())).all()
            ]
        assert any(digest(token) in row for row in rows)
        assert not any(secret in row for row in rows for secret in (token, PASSWORD, csrf_of(token)))
        assert any("$argon2id$v=19$m=64,t=1,p=1$" in row for row in rows)

    house.tell(story)


def test_ended_sessions_and_revocations_are_cleared_away(house: House) -> None:
    async def story(vault: Vault) -> None:
        accounts = vault.accounts
        await accounts.sign_in(GOOD)
        token = (await accounts.issue_token(GOOD)).access_token
        await accounts.revoke_token(token, actor="admin", address="x")
        await accounts.revoke_token(token, actor="admin", address="x")
        house.now += 3601
        await accounts.sign_in(GOOD)
        async with vault.database.read() as connection:
            assert len((await connection.execute(tables.sessions.select())).all()) == 1
            assert (await connection.execute(tables.revoked_tokens.select())).all() == []

    house.tell(story)


def test_token_dies_with_revocation_new_password_and_its_user(house: House) -> None:
    async def story(vault: Vault) -> None:
        accounts = vault.accounts
        revoked, old, orphan = [(await accounts.issue_token(GOOD)).access_token for _ in range(3)]
        assert (await accounts.of_token(old)).user.name == "admin"
        await accounts.revoke_token(revoked, actor="admin", address="x")
        with pytest.raises(Unauthenticated):
            await accounts.of_token(revoked)
        await accounts.change_password(GOOD, "a sentence of my own")
        with pytest.raises(Unauthenticated):
            await accounts.of_token(old)
        async with vault.database.transaction() as connection:
            await connection.execute(tables.users.delete())
        with pytest.raises(Unauthenticated):
            await accounts.of_token(orphan)

    house.tell(story)


def test_new_password_ends_other_sessions_and_keeps_this_one(house: House) -> None:
    async def story(vault: Vault) -> None:
        accounts = vault.accounts
        mine, other = [(await accounts.sign_in(GOOD)).token for _ in range(2)]
        await accounts.change_password(GOOD, "a sentence of my own", keep_session=mine)
        assert (await accounts.of_session(mine)).password_chosen
        with pytest.raises(Unauthenticated):
            await accounts.of_session(other)

    house.tell(story)


@pytest.mark.parametrize(
    "weak",
    [
        *("", "short", "1234567", "password", "PASSWORD1", "qwertyuiop", "aaaaaaaaaa", "abababab", "x" * 257),
        *("Password123!", "rabbit2rabbit2", "administrator1", "ollama123", "P@ssw0rd"),
    ],
)
def test_weak_passwords(house: House, weak: str) -> None:
    async def story(vault: Vault) -> None:
        with pytest.raises(WeakPassword):
            await vault.accounts.change_password(GOOD, weak)

    house.tell(story)


def test_none_of_the_most_used_passwords_is_taken() -> None:
    long_enough = [word for word in FREQUENCY_LISTS["passwords"] if len(word) >= SHORTEST]
    assert len(long_enough) > 3000
    for word in long_enough[:3000]:
        with pytest.raises(WeakPassword):
            check_strength(word, name="admin")


def test_hash_of_old_costs_is_renewed_at_the_next_sign_in(house: House) -> None:
    async def first(vault: Vault) -> None:
        await vault.accounts.sign_in(GOOD)

    async def second(vault: Vault) -> None:
        await vault.accounts.sign_in(GOOD)
        async with vault.database.read() as connection:
            row = (await connection.execute(tables.users.select())).one()
        assert "m=128,t=2" in row.password_hash

    house.tell(first)
    house.passwords = Passwords(rounds=2, memory_kib=128)
    house.tell(second)


def test_unknown_name_costs_the_same_work(house: House) -> None:
    house.passwords = Passwords()

    async def story(vault: Vault) -> None:
        async def took(name: str) -> float:
            began = time.process_time()
            with pytest.raises(BadCredentials):
                await vault.accounts.sign_in(Attempt(name, "not the password", name))
            return time.process_time() - began

        known = [await took("admin") for _ in range(4)]
        unknown = [await took(f"nobody-{number}") for number in range(4)]
        assert 0.4 < min(known) / min(unknown) < 2.5

    house.tell(story)


def test_flood_of_sign_ins_hashes_two_at_a_time_off_the_loop() -> None:
    async def story() -> None:
        passwords = Passwords()
        hashed = await passwords.hash(PASSWORD)
        busy = most = beats = 0
        inner = passwords._matches

        def watched(password: str, known: str) -> bool:
            nonlocal busy, most
            busy += 1
            most = max(most, busy)
            try:
                return inner(password, known)
            finally:
                busy -= 1

        passwords._matches = watched  # type: ignore[method-assign]

        async def heart() -> None:
            nonlocal beats
            while True:
                beats += 1
                await asyncio.sleep(0.001)

        beating = asyncio.create_task(heart())
        assert all(await asyncio.gather(*(passwords.verify(PASSWORD, hashed) for _ in range(20))))
        beating.cancel()
        assert most == 2
        assert beats > 20

    asyncio.run(story())


def test_throttle_counts_by_name_and_address_and_forgets() -> None:
    throttle = Throttle()
    for second in range(5):
        throttle.admit(account="a", address="1", now=float(second))
    with pytest.raises(TooManyAttempts) as refused:
        throttle.admit(account="a", address="1", now=5.0)
    assert refused.value.retry_after == 55.0
    throttle.admit(account="a", address="2", now=5.0)
    throttle.admit(account="a", address="1", now=60.5)
    throttle.forgive(account="a", address="1")
    for _ in range(5):
        throttle.admit(account="a", address="1", now=61.0)


def test_good_sign_ins_are_never_too_many() -> None:
    throttle = Throttle()
    for _ in range(200):
        throttle.admit(account="a", address="1", now=0.0)
        throttle.forgive(account="a", address="1")


def test_one_address_trying_many_names_is_stopped_and_memory_stays_bounded() -> None:
    throttle = Throttle()
    for number in range(30):
        throttle.admit(account=f"name-{number}", address="1", now=0.0)
    with pytest.raises(TooManyAttempts):
        throttle.admit(account="name-30", address="1", now=1.0)
    for number in range(MOST_KEYS):
        throttle.admit(account="a", address=f"x{number}", now=2.0)
    assert len(throttle._attempts) <= MOST_KEYS
