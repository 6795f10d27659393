"""Words of the accounts room. Pure. Times are Unix seconds."""

from cluster_ai.core.errors import Conflict, InvalidInput, Unauthenticated, Unavailable
from cluster_ai.core.principals import Role
from cluster_ai.core.wire import Count, View


class BadCredentials(Unauthenticated):
    """Name and password do not belong together. Never says which of the two is wrong."""

    code = "bad_credentials"


class TooManyAttempts(Unavailable):
    """Signing in is paused for this name and address."""

    code = "too_many_attempts"


class WeakPassword(InvalidInput):
    code = "weak_password"


class AuditBroken(Conflict):
    """A row of the audit log was changed, removed or inserted."""

    code = "audit_broken"


class User(View):
    id: str
    name: str
    role: Role
    password_chosen: bool
    """False while the password that the cluster made up still stands."""


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
