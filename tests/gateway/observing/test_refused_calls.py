"""A call that its key may not make is told of, too: in the log, in the database and in the numbers."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from cluster_ai.core.db import open_database, sqlite_url
from cluster_ai.core.migrate import upgrade
from cluster_ai.keys.service import Keys
from cluster_ai.keys.types import LimitsWanted
from tests.fakes.fleet import Fleet
from tests.gateway.conftest import HELLO, QUICK, serving
from tests.keys.conftest import Ring, wanted
from tests.waiting import until

pytestmark = pytest.mark.real


def make_key(url: str) -> str:
    async def work() -> str:
        async with open_database(url, on_fatal=pytest.fail) as database:
            keys = Keys(database, chance=Ring(url, now=time.time()).chance())
            limits = LimitsWanted(requests_per_minute=1)
            made = await keys.create(wanted("few", models=["smollm2:*"], limits=limits), owner_id=None)
            return made.secret

    return asyncio.run(work())


def test_calls_over_a_limit_are_seen(tmp_path: Path) -> None:
    with Fleet(1) as fleet, serving(tmp_path, fleet, anonymous="off", **QUICK) as gateway:
        url = sqlite_url(gateway.home.database)
        upgrade(url)
        key = {"authorization": f"Bearer {make_key(url)}"}
        body = HELLO | {"stream": False}
        until(lambda: gateway.ask("POST", "/api/chat", body, **key).status == 200, what="the key is known")
        over = gateway.ask("POST", "/api/chat", body, x_request_id="over", **key)
        other = gateway.ask("POST", "/api/chat", body | {"model": "all-minilm"}, x_request_id="not-mine", **key)
        assert (over.status, other.status) == (429, 403)

        text = gateway.ask("GET", "/metrics").body.decode()
        for code in ("limit_reached", "model_not_allowed"):
            assert f'cluster_ai_gateway_outcomes_total{{code="{code}",node="",outcome="refused"}} 1.0' in text

        log = tmp_path / "gateway.log"
        until(lambda: '"request_id":"over"' in log.read_text(), what="the call stands in the log")
        (line,) = [json.loads(row) for row in log.read_text().splitlines() if '"request_id":"over"' in row]
        assert (line["event"], line["outcome"], line["status"], line["code"]) == (
            "call",
            "refused",
            429,
            "limit_reached",
        )
        assert line["caller"] == "few"
        assert key["authorization"] not in log.read_text()
