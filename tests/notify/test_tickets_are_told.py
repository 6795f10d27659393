"""What happens to a plan and its tickets reaches a webhook, each event once, and as it is in the audit of the plan."""

import json
from pathlib import Path

from backend.notify_room import NotifyConfig
from cluster_ai.notify.signing import key_of, verify
from cluster_ai.notify.types import NotifySettings
from tests.backend.running import running_api
from tests.notify.listener import listening
from tests.waiting import until

API = "/api/v1"


def test_a_plans_life_is_told(tmp_path: Path) -> None:
    with listening() as listener:
        config = NotifyConfig(NotifySettings(allow=(listener.origin,)), poll_seconds=0.05)
        with running_api(tmp_path / "home", notify=config) as api, api.local() as client:
            wanted = {"url": listener.url, "events": ["plan.*", "ticket.*"]}
            made = client.post(f"{API}/webhooks", json=wanted).json()
            tickets = [
                {"id": "a", "type": "EXECUTE", "parameters": {"argv": ["true"]}},
                {"id": "b", "type": "EXECUTE", "parameters": {"argv": ["true"]}, "depends_on": ["a"]},
            ]
            answer = client.post(f"{API}/plans", json={"tickets": tickets})
            assert answer.status_code == 201, answer.text
            plan = answer.json()["plan"]
            cancelled = client.post(f"{API}/plans/{plan['plan_id']}/cancel", json={})
            assert cancelled.status_code < 300, cancelled.text

            def told() -> set[str]:
                return {said["type"] for said in listener.said()}

            until(lambda: {"plan.submitted", "plan.cancelled", "ticket.cancelled"} <= told(), what="the end is told")
            path = f"{API}/webhooks/{made['endpoint']['id']}/deliveries"
            until(lambda: all(row["state"] == "sent" for row in client.get(path).json()["items"]))
        key = key_of(made["secret"])
        ids = [verify(key, headers, body) for headers, body in listener.heard]
        assert None not in ids
        assert len({claims.id for claims in ids if claims}) == len(listener.heard), "each once"
        assert {json.loads(body)["subject"] for _, body in listener.heard} >= {plan["plan_id"]}
