"""A gateway that can open no further connection says so, and no node is blamed for it."""

import http.client
import json
import resource
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.fakes.fleet import Fleet
from tests.gateway.conftest import HELLO, QUICK, Gateway, serving
from tests.waiting import until

pytestmark = pytest.mark.real


def ask(connection: http.client.HTTPConnection) -> tuple[int, dict[str, object]]:
    connection.request("POST", "/api/chat", json.dumps(HELLO | {"stream": False}))
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def state(connection: http.client.HTTPConnection, gateway: Gateway) -> list[dict[str, object]]:
    connection.request("GET", "/-/state", headers={"Authorization": f"Bearer {gateway.home.internal_secret()}"})
    return json.loads(connection.getresponse().read())["upstreams"]


def test_the_shortage_is_told_as_our_own_and_ends_by_itself(tmp_path: Path) -> None:
    with Fleet(2) as fleet, serving(tmp_path, fleet, **QUICK) as gateway:
        gateway.settled(healthy=2)
        process, log = psutil.Process(gateway.pid), tmp_path / "gateway.log"
        with closing(gateway.connect()) as connection:
            connection.connect()
            assert state(connection, gateway)
            _, most = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)
            # Fewer than are open: none can be opened, not even where one has just been closed.
            resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (min(10, process.num_fds()), most))
            said = [ask(connection) for _ in range(5)]
            until(lambda: "cannot be looked at" in log.read_text(), what="probes have failed, too")
            rows = state(connection, gateway)
            resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (most, most))
            assert ask(connection)[0] == 200
        assert [(status, body["code"]) for status, body in said] == [(503, "out_of_descriptors")] * 5
        assert {(row["state"], row["breaker"], row["failed"]) for row in rows} == {("healthy", "closed", 0)}
