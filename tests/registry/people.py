"""People with a role, for tests of who may do what."""

from cluster_ai.accounts import tables
from cluster_ai.accounts.types import User
from cluster_ai.core.principals import Role
from tests.backend.running import CHEAP, PASSWORD, Api


async def _add(api: Api, name: str, role: Role) -> None:
    user = User(id=f"user-{name}", name=name, role=role, password_chosen=True)
    hashed = await CHEAP.hash(PASSWORD)
    async with api.plane.accounts._database.transaction() as connection:
        await tables.add_user(connection, user, password_hash=hashed, now=0.0)


def person(api: Api, name: str, role: Role) -> dict[str, str]:
    """Headers of somebody new with that role."""
    api.served.run(_add(api, name, role))
    return {"Authorization": f"Bearer {api.token(username=name)}"}
