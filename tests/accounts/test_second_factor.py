"""The second factor on both databases, by a clock that the test moves."""

import asyncio
import base64

import pyotp
import pytest

from cluster_ai.accounts import codes, tables
from cluster_ai.accounts.opening import Vault
from cluster_ai.accounts.service import Attempt, digest
from cluster_ai.accounts.throttle import GUESS_SECONDS, GUESSES
from cluster_ai.accounts.types import (
    BadCode,
    BadCredentials,
    Doer,
    NewUser,
    OwnAccount,
    SecondFactorNotBegun,
    SecondFactorOn,
    SecondFactorRequired,
    TooManyAttempts,
    User,
)
from cluster_ai.core.errors import Misconfigured, Unauthenticated
from tests.accounts.house import PASSWORD, House

HERE = Doer("local", "local", "10.0.0.9")
# Appendix B of RFC 6238, SHA-1, its last six digits.
VECTORS = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]
SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(("at", "code"), VECTORS)
def test_codes_are_those_of_the_rfc(at: int, code: str) -> None:
    assert codes.matching_step(SECRET, code, now=at) == at // 30
    for off, is_good in ((-60, False), (-30, True), (30, True), (60, False)):
        assert (codes.matching_step(SECRET, code, now=max(at + off, 0)) is not None) is (is_good or at + off < 0)


@pytest.mark.parametrize("code", ["", "28708", "2870822", "28708x", "٢٨٧٠٨٢", "-87082"])
def test_what_is_no_code_matches_nothing(code: str) -> None:
    assert codes.matching_step(SECRET, code, now=59) is None


def attempt(code: str = "", *, password: str = PASSWORD, address: str = "10.0.0.1") -> Attempt:
    return Attempt("admin", password, address, "", code)


async def begun(vault: Vault, house: House) -> tuple[User, str]:
    """Whose it is, and the secret, as an app has it."""
    shown = await vault.enrolment.begin(attempt())
    assert pyotp.parse_uri(shown.uri).secret == shown.secret  # type: ignore[attr-defined]
    return vault.admin, shown.secret


async def turned_on(vault: Vault, house: House, *, keep: str = "") -> tuple[str, tuple[str, ...]]:
    """The secret and the recovery codes. The clock goes on to the next code."""
    user, secret = await begun(vault, house)
    shown = await vault.enrolment.confirm(user, code(secret, house), keep_session=keep, address="10.0.0.1")
    house.now += 60
    return secret, shown.recovery_codes


def code(secret: str, house: House, *, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(int(house.now) + 30 * steps)


def wrong(secret: str, house: House) -> str:
    good = {code(secret, house, steps=step) for step in (-1, 0, 1)}
    return next(text for text in ("000000", "111111", "222222", "333333") if text not in good)


def test_nothing_is_asked_for_before_it_is_confirmed(house: House) -> None:
    async def story(vault: Vault) -> None:
        user, secret = await begun(vault, house)
        assert not (await vault.people.get("admin")).second_factor
        await vault.accounts.sign_in(attempt())
        with pytest.raises(BadCode):
            await vault.enrolment.confirm(user, wrong(secret, house), keep_session="", address="x")
        await vault.accounts.sign_in(attempt())
        house.now += 901
        with pytest.raises(SecondFactorNotBegun):
            await vault.enrolment.confirm(user, code(secret, house), keep_session="", address="x")

    house.tell(story)


def test_password_and_code_sign_in_and_neither_alone(house: House) -> None:
    async def story(vault: Vault) -> None:
        secret, _ = await turned_on(vault, house)
        assert (await vault.people.get("admin")).second_factor
        for call in (vault.accounts.sign_in, vault.accounts.issue_token):
            with pytest.raises(SecondFactorRequired):
                await call(attempt())
            with pytest.raises(BadCode):
                await call(attempt(wrong(secret, house)))
            house.now += 61
        with pytest.raises(BadCredentials):
            await vault.accounts.sign_in(attempt(code(secret, house), password="another one"))
        assert (await vault.accounts.sign_in(attempt(code(secret, house)))).user.name == "admin"
        house.now += 60
        spaced = code(secret, house)
        assert (await vault.accounts.issue_token(attempt(f"{spaced[:3]} {spaced[3:]}"))).access_token

    house.tell(story)


def test_wrong_password_says_nothing_of_a_second_factor(house: House) -> None:
    async def story(vault: Vault) -> None:
        await turned_on(vault, house)
        for text in ("", "123456"):
            with pytest.raises(BadCredentials):
                await vault.accounts.sign_in(attempt(text, password="another one"))

    house.tell(story)


def test_a_code_is_good_once_and_so_are_those_before_it(house: House) -> None:
    async def story(vault: Vault) -> None:
        secret, _ = await turned_on(vault, house)
        early, now = code(secret, house, steps=-1), code(secret, house)
        await vault.accounts.sign_in(attempt(now))
        for used in (now, early):
            with pytest.raises(BadCode):
                await vault.accounts.sign_in(attempt(used))
        assert await vault.accounts.sign_in(attempt(code(secret, house, steps=1)))

    house.tell(story)


def test_the_code_that_confirmed_signs_nobody_in(house: House) -> None:
    async def story(vault: Vault) -> None:
        user, secret = await begun(vault, house)
        now = code(secret, house)
        await vault.enrolment.confirm(user, now, keep_session="", address="x")
        with pytest.raises(BadCode):
            await vault.accounts.sign_in(attempt(now))
        with pytest.raises(SecondFactorOn):
            await vault.enrolment.confirm(user, now, keep_session="", address="x")
        with pytest.raises(SecondFactorOn):
            await vault.enrolment.begin(attempt())

    house.tell(story)


def test_two_with_the_same_code_at_once_are_one(house: House) -> None:
    async def story(vault: Vault) -> None:
        secret, recovery = await turned_on(vault, house)
        for text in (code(secret, house), recovery[0]):
            house.now += 61 if text == recovery[0] else 0
            tries = (vault.accounts.sign_in(attempt(text)) for _ in range(3))
            found = await asyncio.gather(*tries, return_exceptions=True)
            assert sum(not isinstance(one, Exception) for one in found) == 1
            assert sum(isinstance(one, BadCode) for one in found) == 2

    house.tell(story)


def test_recovery_codes_are_ten_and_good_once(house: House) -> None:
    async def story(vault: Vault) -> None:
        _, recovery = await turned_on(vault, house)
        assert len(set(recovery)) == 10
        typed = recovery[3].replace("-", " ").lower()
        await vault.accounts.sign_in(attempt(typed))
        assert (await vault.enrolment.state(vault.admin.id)).recovery_codes_left == 9
        with pytest.raises(BadCode):
            await vault.accounts.sign_in(attempt(recovery[3]))
        await vault.accounts.sign_in(attempt(recovery[4]))
        used = [entry for entry in await vault.accounts.audit.page(limit=20) if entry.action == "use_recovery_code"]
        assert len(used) == 2

    house.tell(story)


def test_guessing_stops_from_wherever_and_recovery_codes_go_on(house: House) -> None:
    async def story(vault: Vault) -> None:
        secret, recovery = await turned_on(vault, house)
        for number in range(GUESSES):
            with pytest.raises(BadCode):
                await vault.accounts.sign_in(attempt(wrong(secret, house), address=f"10.1.0.{number}"))
        with pytest.raises(TooManyAttempts):
            await vault.accounts.sign_in(attempt(code(secret, house), address="10.2.0.1"))
        assert await vault.accounts.sign_in(attempt(recovery[0], address="10.2.0.1"))
        house.now += GUESS_SECONDS
        assert await vault.accounts.sign_in(attempt(code(secret, house), address="10.2.0.1"))

    house.tell(story)


def test_asking_without_a_code_in_between_gives_no_more_guesses(house: House) -> None:
    async def story(vault: Vault) -> None:
        secret, _ = await turned_on(vault, house)
        found = []
        for number in range(6):
            try:
                await vault.accounts.sign_in(attempt("" if number % 2 else wrong(secret, house)))
            except Unauthenticated as exc:
                found.append(exc.code)
            except TooManyAttempts:
                found.append("paused")
        assert found == ["bad_code", "second_factor_required"] * 2 + ["bad_code", "paused"]
        entries = [entry.outcome for entry in await vault.accounts.audit.page(limit=5) if entry.action == "sign_in"]
        assert entries == ["bad_code", "second_factor_required"] * 2 + ["bad_code"]

    house.tell(story)


def test_turning_it_on_ends_what_was_signed_in_without_it(house: House) -> None:
    async def story(vault: Vault) -> None:
        mine, other = [(await vault.accounts.sign_in(attempt())).token for _ in range(2)]
        token = (await vault.accounts.issue_token(attempt())).access_token
        await turned_on(vault, house, keep=digest(mine))
        assert (await vault.accounts.of_session(mine)).name == "admin"
        with pytest.raises(Unauthenticated):
            await vault.accounts.of_session(other)
        with pytest.raises(Unauthenticated):
            await vault.accounts.of_token(token)

    house.tell(story)


def test_turning_it_off_takes_password_and_code(house: House) -> None:
    async def story(vault: Vault) -> None:
        secret, recovery = await turned_on(vault, house)
        with pytest.raises(BadCredentials):
            await vault.enrolment.turn_off(attempt(code(secret, house), password="another one"))
        with pytest.raises(SecondFactorRequired):
            await vault.enrolment.turn_off(attempt())
        with pytest.raises(BadCode):
            await vault.enrolment.turn_off(attempt(wrong(secret, house)))
        await vault.enrolment.turn_off(attempt(recovery[0]))
        await vault.accounts.sign_in(attempt())
        state = await vault.enrolment.state(vault.admin.id)
        assert (state.on, state.recovery_codes_left) == (False, 0)

    house.tell(story)


def test_an_administrator_resets_that_of_others_and_it_is_in_the_log(house: House) -> None:
    async def story(vault: Vault) -> None:
        with pytest.raises(OwnAccount):
            await vault.people.reset_second_factor("admin", doer=Doer(vault.admin.id, "admin", "x"))
        session = (await vault.accounts.sign_in(attempt())).token
        await turned_on(vault, house, keep=digest(session))
        await vault.people.reset_second_factor("Admin", doer=HERE)
        with pytest.raises(Unauthenticated):
            await vault.accounts.of_session(session)
        await vault.accounts.sign_in(attempt())
        entries = [(one.actor, one.action, one.subject) for one in await vault.accounts.audit.page(limit=9)]
        assert ("local", "reset_second_factor", "admin") in entries
        assert {"begin_second_factor", "confirm_second_factor"} <= {action for _, action, _ in entries}

    house.tell(story)


def test_whose_account_is_deleted_leaves_no_secret(house: House) -> None:
    async def story(vault: Vault) -> None:
        wanted = NewUser.model_validate({"name": "ana", "role": "viewer", "password": PASSWORD})
        await vault.people.create(wanted, doer=HERE)
        ana = await vault.people.get("ana")
        shown = await vault.enrolment.begin(Attempt("ana", PASSWORD, "x"))
        await vault.enrolment.confirm(ana, code(shown.secret, house), keep_session="", address="x")
        await vault.people.delete("ana", doer=HERE)
        async with vault.database.read() as connection:
            for table in (tables.second_factors, tables.recovery_codes):
                assert (await connection.execute(table.select())).all() == []

    house.tell(story)


def test_database_holds_neither_secret_nor_recovery_code(house: House) -> None:
    async def story(vault: Vault) -> None:
        secret, recovery = await turned_on(vault, house)
        async with vault.database.read() as connection:
            rows = [
                str(row)
                for table in (tables.second_factors, tables.recovery_codes, tables.audit)
                for row in (await connection.execute(table.select())).all()
            ]
        assert len(rows) > 11
        told = (secret, *recovery, *(codes.plain(one) for one in recovery))
        assert not any(text in row for row in rows for text in told)

    house.tell(story)


def test_a_secret_of_another_key_lets_nobody_in(house: House) -> None:
    secrets: list[str] = []

    async def first(vault: Vault) -> None:
        secrets.append((await turned_on(vault, house))[0])

    async def second(vault: Vault) -> None:
        with pytest.raises(Misconfigured):
            await vault.accounts.sign_in(attempt(code(secrets[0], house)))

    house.tell(first)
    (house.secrets / "second-factors.key").unlink()
    house.tell(second)
