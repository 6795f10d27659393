"""Who makes a request, once that is known."""

from dataclasses import dataclass

from cluster_ai.accounts.service import csrf_of
from cluster_ai.core.errors import Conflict
from cluster_ai.core.principals import Channel, Principal


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request it is. ``credential`` is the session or access token itself, for ending it."""

    principal: Principal
    address: str
    password_chosen: bool = True
    credential: str = ""

    @property
    def csrf(self) -> str:
        return csrf_of(self.credential) if self.principal.channel is Channel.SESSION else ""

    @property
    def person(self) -> str:
        """The name of whoever calls.

        Raises:
            Conflict: it is the internal token, which is no person's.
        """
        if self.principal.channel is Channel.LOCAL:
            raise Conflict("this call is nobody's in particular", hint="sign in as the person whose account it is")
        return self.principal.name
