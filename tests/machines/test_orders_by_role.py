"""Who may tell a machine to go: whoever may take it out, by whichever way it is asked."""

import time
import uuid
from collections.abc import Iterator

import pytest

from cluster_ai.accounts import tables
from cluster_ai.accounts.types import User
from cluster_ai.core.principals import Role
from cluster_ai.nodes.inventory import Inventory
from cluster_ai.nodes.types import JoinRequest
from cluster_ai.pki.requests import new_key, request_for
from tests.backend.running import CHEAP, PASSWORD, Api, running_api


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_api(tmp_path_factory.mktemp("api") / "home") as api:

        async def prepare() -> None:
            members = api.plane.rooms.members
            _, token = await members.invitations.invite(by="owner", seconds=900)
            request = JoinRequest(
                name="tower", request=request_for(new_key(), "tower"), inventory=Inventory(hostname="tower"),
                addresses=("10.9.0.7",), port=11_437, sent_at=time.time(),
            )  # fmt: skip
            await members.fleet.join(request, token)
            hashed = await CHEAP.hash(PASSWORD)
            for role in (Role.VIEWER, Role.USER, Role.OPERATOR):
                user = User(id=str(uuid.uuid4()), name=role.value, role=role, password_chosen=True)
                async with api.plane.accounts._database.transaction() as connection:
                    await tables.add_user(connection, user, password_hash=hashed, now=0.0)

        api.served.run(prepare())
        yield api


@pytest.mark.parametrize(
    ("role", "verb", "status"),
    [
        ("viewer", "restart", 403), ("user", "restart", 403), ("operator", "restart", 202), ("admin", "restart", 202),
        ("viewer", "leave", 403), ("user", "leave", 403), ("operator", "leave", 403), ("admin", "leave", 202),
    ],
)  # fmt: skip
def test_order(api: Api, role: str, verb: str, status: int) -> None:
    with api.client(Authorization=f"Bearer {api.token(username=role)}") as client:
        answer = client.post("/api/v1/machines/tower/orders", json={"verb": verb, "argument": "worker-1"})
        assert answer.status_code == status, answer.text
        if role == "operator":
            assert client.delete("/api/v1/machines/tower").status_code == 403
    if role != "operator":
        return
    with api.client(Authorization=f"Bearer {api.token(username='admin')}") as client:
        entries = client.get("/api/v1/audit").json()["items"]
    mine = [entry for entry in entries if entry["actor"] == role and entry["action"] == f"{verb}_machine"]
    assert [(entry["subject"], entry["outcome"]) for entry in mine] == [
        ("tower: worker-1", "done" if status == 202 else "forbidden")
    ]
