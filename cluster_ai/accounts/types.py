"""Words of the accounts room. Pure. Times are Unix seconds."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, StringConstraints

from cluster_ai.core.errors import Conflict, InvalidInput, Unauthenticated, Unavailable
from cluster_ai.core.principals import Role
from cluster_ai.core.wire import Count, StrictModel, Text, View


class BadCredentials(Unauthenticated):
    """Name and password do not belong together. Never says which of the two is wrong."""

    code = "bad_credentials"


class TooManyAttempts(Unavailable):
    """Signing in is paused for this name and address."""

    code = "too_many_attempts"


class SecondFactorRequired(Unauthenticated):
    """The password is right, and a code of the second factor has to come with it."""

    code = "second_factor_required"


class BadCode(Unauthenticated):
    """The code of the second factor is wrong, too old, or was used before."""

    code = "bad_code"


class SecondFactorOn(Conflict):
    """There is a second factor already."""

    code = "second_factor_on"


class SecondFactorNotBegun(Conflict):
    """No second factor was begun, or too long ago, or another one since."""

    code = "second_factor_not_begun"


class WeakPassword(InvalidInput):
    code = "weak_password"


class AuditBroken(Conflict):
    """A row of the audit log was changed, removed or inserted."""

    code = "audit_broken"


class UserExists(Conflict):
    """Somebody has that name, in whatever case."""

    code = "user_exists"


class LastAdmin(Conflict):
    """Nobody would be left who may do everything."""

    code = "last_admin"


class OwnAccount(Conflict):
    """Nobody deletes, disables or demotes themself."""

    code = "own_account"


UserName = Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*$")]
"""Safe in a URL, a log line and an argument list. Upper and lower case are one."""


def person_role(value: object) -> object:
    """A role as JSON says it; that of machines is no person's."""
    if isinstance(value, str) and value in set(Role) - {Role.MACHINE}:
        return Role(value)
    raise ValueError("a role is one of viewer, user, operator, admin")


AnyRole = Annotated[Role, BeforeValidator(person_role)]


class User(View):
    id: str
    name: str
    role: Role
    password_chosen: bool
    """False while a password stands that the cluster made up, or that somebody else gave them."""


class Person(User):
    """A user as administrators see them. Never a password."""

    disabled: bool
    created_at: float
    seen_at: float | None
    """When they last signed in, used a session or asked for a token; None: never."""
    second_factor: bool = False
    """Whether signing in asks them for a code, too."""


class NewUser(StrictModel):
    """Somebody who shall be able to sign in."""

    name: UserName
    role: AnyRole
    password: Annotated[Text, StringConstraints(max_length=1024)] = ""
    """Made up when empty."""


class UserChanges(StrictModel):
    """What is left out stays."""

    role: AnyRole | None = None
    disabled: bool | None = None


class MadeUser(View):
    """A new user. ``password`` is the one that was made up, told this once; empty when one was given."""

    user: Person
    password: str


class GivenPassword(View):
    """``password`` is the one that was made up, told this once; empty when one was given."""

    password: str


class FactorView(View):
    """One's own second factor."""

    on: bool
    recovery_codes_left: Count


class BegunFactor(View):
    """What an app needs to know, told this once. ``uri`` is the ``otpauth://`` address of ``secret``."""

    secret: str
    uri: str


class RecoveryCodes(View):
    """Each stands in for a code once; told this once."""

    recovery_codes: tuple[str, ...]


class SessionView(View):
    """Somewhere that somebody is signed in. ``id`` names the session and opens nothing."""

    id: str
    created_at: float
    seen_at: float
    address: str
    agent: str
    """What the browser calls itself; anybody can call themself anything."""
    current: bool
    """Whether the one who asks is asking by it."""


@dataclass(frozen=True, slots=True)
class Doer:
    """Who does something to somebody, and from where."""

    id: str
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Start:
    """Whose session begins, and where it came from. ``agent`` is what the browser calls itself."""

    user_id: str
    address: str
    agent: str


class Lifetimes(View):
    """How long a sign-in lasts. Seconds."""

    session: float
    idle: float
    token: float


class Issued(View):
    """An access token, as it is handed out once."""

    access_token: str
    expires_in: Count
    """Seconds."""


class AuditFilter(View):
    """Which entries are wanted; what is empty or None narrows nothing. Times are Unix seconds, ``until`` without."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    """Any part of it, in whatever case."""
    since: float | None = None
    until: float | None = None


class AuditEntry(View):
    """Something that somebody did. ``hash`` covers every field and the entry before."""

    number: Count
    at: float
    actor: str
    action: str
    subject: str
    outcome: str
    address: str
    previous: str
    hash: str
