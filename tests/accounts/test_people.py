"""Users on both databases: who may be changed by whom, and what ends with them."""

import pytest

from cluster_ai.accounts.opening import Vault
from cluster_ai.accounts.passwords import Passwords
from cluster_ai.accounts.people import check_kept
from cluster_ai.accounts.service import Attempt
from cluster_ai.accounts.types import (
    BadCredentials,
    Doer,
    LastAdmin,
    NewUser,
    OwnAccount,
    Person,
    UserChanges,
    UserExists,
    WeakPassword,
)
from cluster_ai.core.errors import NotFound, Unauthenticated
from cluster_ai.core.principals import Role
from tests.accounts.house import House

HERE = Doer("local", "local", "10.0.0.9")
SENTENCE = "a sentence of my own"


def ana(**change: object) -> NewUser:
    return NewUser.model_validate({"name": "Ana", "role": "operator", "password": SENTENCE} | change)


def of_ana(password: str = SENTENCE) -> Attempt:
    return Attempt("ANA", password, "10.0.0.2", "a browser")


def test_somebody_new_signs_in_with_the_password_that_was_made_up(house: House) -> None:
    async def story(vault: Vault) -> None:
        made = await vault.people.create(ana(password=""), doer=HERE)
        assert made.user.name == "ana"
        assert made.user.seen_at is None
        assert len(made.password) >= 16
        house.now += 60
        signed = await vault.accounts.sign_in(of_ana(made.password))
        assert (signed.user.role, signed.user.password_chosen) == (Role.OPERATOR, False)
        assert (await vault.people.get("aNa")).seen_at == house.now
        assert [person.name for person in await vault.people.all()] == ["admin", "ana"]

    house.tell(story)


@pytest.mark.parametrize("name", ["ana", "ANA", "admin", "local", "LOCAL"])
def test_names_are_taken_in_whatever_case(house: House, name: str) -> None:
    async def story(vault: Vault) -> None:
        await vault.people.create(ana(), doer=HERE)
        with pytest.raises(UserExists):
            await vault.people.create(ana(name=name), doer=HERE)
        assert len(await vault.people.all()) == 2

    house.tell(story)


@pytest.mark.parametrize("role", ["machine", "root", "", 1, None])
def test_nobody_is_given_a_role_that_is_no_persons(role: object) -> None:
    with pytest.raises(ValueError, match="role"):
        ana(role=role)


def test_new_role_counts_for_sessions_and_tokens_that_are_there(house: House) -> None:
    async def story(vault: Vault) -> None:
        await vault.people.create(ana(role="admin"), doer=HERE)
        session = (await vault.accounts.sign_in(of_ana())).token
        token = (await vault.accounts.issue_token(of_ana())).access_token
        await vault.people.change("ana", UserChanges(role=Role.VIEWER), doer=HERE)
        assert (await vault.accounts.of_session(session)).role is Role.VIEWER
        assert (await vault.accounts.of_token(token)).user.role is Role.VIEWER

    house.tell(story)


async def _is_out(vault: Vault, session: str, token: str) -> None:
    with pytest.raises(Unauthenticated):
        await vault.accounts.of_session(session)
    with pytest.raises(Unauthenticated):
        await vault.accounts.of_token(token)


def test_disabled_are_out_and_come_back_only_by_signing_in(house: House) -> None:
    async def story(vault: Vault) -> None:
        await vault.people.create(ana(), doer=HERE)
        session = (await vault.accounts.sign_in(of_ana())).token
        token = (await vault.accounts.issue_token(of_ana())).access_token
        await vault.people.change("ana", UserChanges(disabled=True), doer=HERE)
        await _is_out(vault, session, token)
        with pytest.raises(BadCredentials) as disabled:
            await vault.accounts.sign_in(of_ana())
        with pytest.raises(BadCredentials) as nobody:
            await vault.accounts.sign_in(Attempt("nobody", SENTENCE, "10.0.0.2"))
        assert disabled.value.message == nobody.value.message
        await vault.people.change("ana", UserChanges(disabled=False), doer=HERE)
        await _is_out(vault, session, token)
        assert (await vault.accounts.sign_in(of_ana())).user.name == "ana"

    house.tell(story)


def test_password_from_another_ends_sessions_and_tokens(house: House) -> None:
    async def story(vault: Vault) -> None:
        await vault.people.create(ana(), doer=HERE)
        session = (await vault.accounts.sign_in(of_ana())).token
        token = (await vault.accounts.issue_token(of_ana())).access_token
        given = await vault.people.set_password("ana", "", doer=HERE)
        await _is_out(vault, session, token)
        with pytest.raises(BadCredentials):
            await vault.accounts.sign_in(of_ana())
        assert not (await vault.accounts.sign_in(of_ana(given.password))).user.password_chosen
        with pytest.raises(WeakPassword):
            await vault.people.set_password("ana", "password", doer=HERE)

    house.tell(story)


def test_deleted_are_forgotten_with_all_that_let_them_in(house: House) -> None:
    async def story(vault: Vault) -> None:
        await vault.people.create(ana(), doer=HERE)
        session = (await vault.accounts.sign_in(of_ana())).token
        token = (await vault.accounts.issue_token(of_ana())).access_token
        await vault.people.delete("ana", doer=HERE)
        await _is_out(vault, session, token)
        with pytest.raises(NotFound):
            await vault.people.delete("ana", doer=HERE)
        await vault.people.create(ana(), doer=HERE)
        await _is_out(vault, session, token)

    house.tell(story)


def test_last_enabled_administrator_stays(house: House) -> None:
    async def story(vault: Vault) -> None:
        people = vault.people
        await people.create(ana(role="admin"), doer=HERE)
        await people.change("ana", UserChanges(disabled=True), doer=HERE)
        for attack in (
            people.delete("admin", doer=HERE),
            people.change("admin", UserChanges(disabled=True), doer=HERE),
            people.change("admin", UserChanges(role=Role.OPERATOR), doer=HERE),
        ):
            with pytest.raises(LastAdmin):
                await attack
        await people.change("ana", UserChanges(disabled=False), doer=HERE)
        await people.delete("admin", doer=HERE)
        with pytest.raises(LastAdmin):
            await people.delete("ana", doer=HERE)

    house.tell(story)


def test_deleted_admin_does_not_come_back_with_the_next_start(house: House) -> None:
    async def first(vault: Vault) -> None:
        await vault.people.create(ana(role="admin"), doer=HERE)
        await vault.people.delete("admin", doer=HERE)

    async def second(vault: Vault) -> None:
        assert vault.admin.name == "ana"
        assert [person.name for person in await vault.people.all()] == ["ana"]

    house.tell(first)
    house.tell(second)


@pytest.mark.parametrize("change", [{"disabled": True}, {"role": Role.OPERATOR}, None])
def test_nobody_does_it_to_themself(change: dict[str, object] | None) -> None:
    me = Person(
        id="1", name="ana", role=Role.ADMIN, password_chosen=True, disabled=False, created_at=0.0, seen_at=None
    )  # fmt: skip
    after = None if change is None else me.model_copy(update=change)
    with pytest.raises(OwnAccount):
        check_kept(me, after=after, doer=Doer("1", "ana", ""), admins=2)
    check_kept(me, after=after, doer=Doer("2", "bo", ""), admins=2)


def test_every_deed_and_every_refusal_is_in_the_log(house: House) -> None:
    async def story(vault: Vault) -> None:
        people = vault.people
        await people.create(ana(), doer=HERE)
        await people.change("ana", UserChanges(role=Role.USER), doer=HERE)
        await people.set_password("ana", SENTENCE, doer=HERE)
        with pytest.raises(LastAdmin):
            await people.delete("admin", doer=HERE)
        await people.delete("ana", doer=HERE)
        entries = [(entry.action, entry.outcome) for entry in await vault.accounts.audit.page(limit=5)]
        assert entries == [
            ("delete_user", "done"),
            ("delete_user", "last_admin"),
            ("set_password", "done"),
            ("change_user", "done"),
            ("create_user", "done"),
        ]
        assert all(entry.address == "10.0.0.9" for entry in await vault.accounts.audit.page(limit=5))
        assert await vault.accounts.audit.verify()

    house.tell(story)


@pytest.mark.parametrize("harm", ["password", "disabled"])
def test_who_is_shut_out_while_signing_in_gets_nothing(
    house: House, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the proof of a password, which takes its time, and the session or token that comes of it."""

    async def story(vault: Vault) -> None:
        await vault.people.create(ana(), doer=HERE)

        async def shut_out(self: Passwords, password: str, hashed: str | None) -> bool:
            is_right = await verify(self, password, hashed)
            if harm == "password":
                await vault.people.set_password("ana", "another sentence of mine", doer=HERE)
            else:
                await vault.people.change("ana", UserChanges(disabled=True), doer=HERE)
            return is_right

        verify = Passwords.verify
        monkeypatch.setattr(Passwords, "verify", shut_out)
        with pytest.raises(BadCredentials):
            await vault.accounts.sign_in(of_ana())
        monkeypatch.setattr(Passwords, "verify", verify)
        await vault.people.change("ana", UserChanges(disabled=False), doer=HERE)
        await vault.people.set_password("ana", SENTENCE, doer=HERE)
        monkeypatch.setattr(Passwords, "verify", shut_out)
        issued = await vault.accounts.issue_token(of_ana())
        with pytest.raises(Unauthenticated):
            await vault.accounts.of_token(issued.access_token)

    house.tell(story)
