"""A cluster is backed up while its API runs, its machine is lost, and it goes on elsewhere."""

import shutil
import time
from pathlib import Path

import pytest

from cluster_ai.core.paths import Home
from cluster_ai.ops import creating, restoring, tables
from cluster_ai.pki.head import ensure_head
from cluster_ai.pki.types import HeadFiles
from tests.backend.running import PASSWORD, Api, running_api
from tests.ops.places import key_of, raises

CHOSEN = "another horse, another battery"


def login(api: Api, password: str) -> int:
    with api.client() as client:
        return client.post("/api/v1/auth/login", json={"username": "admin", "password": password}).status_code


def trusted(home: Home) -> str:
    return ensure_head(HeadFiles(home.authority, home.tls, "test")).fingerprint


@pytest.mark.real
def test_restored_elsewhere_it_knows_the_old_password_and_its_machines_trust_it(tmp_path: Path) -> None:
    old, new = Home(tmp_path / "old"), Home(tmp_path / "new")
    with running_api(old.root) as api:
        fingerprint, key = trusted(old), key_of(old)
        client, headers = api.signed_in()
        with client:
            body = {"current": PASSWORD, "new": CHOSEN}
            answer = client.post("/api/v1/auth/password", json=body, headers=headers)
            assert answer.is_success, answer.text
        path = creating.create(old, creating.Shelf(tmp_path / "stick"), key, now=time.time())
        raises("database_in_use", lambda: restoring.restore(path, old, key, now=time.time()))
        assert login(api, CHOSEN) == 200, "it runs on"
    shutil.rmtree(old.root)
    done = restoring.restore(path, new, key, now=time.time())
    assert done.rows > 0
    assert trusted(new) == fingerprint
    number, _ = tables.chain_head(new.database)
    with running_api(new.root) as api:
        assert login(api, CHOSEN) == 200
        assert login(api, PASSWORD) == 401
    assert tables.chain_head(new.database)[0] > number, "the chain goes on"
