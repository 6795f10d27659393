"""Scripts over the API: who may, what is kept of it, and what the desk answers."""

from collections.abc import Iterator

import pytest

from tests.backend.running import Api, running_api

JOB = {"name": "job.py", "source": "print(1)", "function": "f", "args": [1, {"a": None}], "kwargs": {"b": 2.5}}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_api(tmp_path_factory.mktemp("api") / "home") as api:
        yield api


def test_job_is_handed_in_listed_shown_and_ended(api: Api) -> None:
    with api.local() as client:
        made = client.post("/api/v1/compute/jobs", json=JOB)
        assert made.status_code == 202, made.text
        job_id = made.json()["id"]
        assert made.json()["state"] == "queued"
        assert [one["id"] for one in client.get("/api/v1/compute/jobs").json()["items"]] == [job_id]
        shown = client.get(f"/api/v1/compute/jobs/{job_id}").json()
        assert (shown["function"], shown["output"], shown["result"]) == ("f", "", None)
        assert client.delete(f"/api/v1/compute/jobs/{job_id}").status_code == 202
        assert client.get("/api/v1/compute/jobs/nobody").status_code == 404
        deeds = client.get("/api/v1/audit").json()["items"]
    assert {("submit_job", "job.py"), ("cancel_job", job_id)} <= {(deed["action"], deed["subject"]) for deed in deeds}


@pytest.mark.parametrize(
    "wrong",
    [
        {**JOB, "source": ""},
        {**JOB, "source": "x" * (512 * 1024 + 1)},
        {**JOB, "function": "os.system"},
        {**JOB, "kwargs": {"not a name": 1}},
        {**JOB, "seconds": 0},
        {**JOB, "resources": {"GPU": -1}},
        {**JOB, "shell": "rm"},
    ],
)
def test_what_is_no_job_is_refused(api: Api, wrong: dict[str, object]) -> None:
    with api.local() as client:
        assert client.post("/api/v1/compute/jobs", json=wrong).status_code == 422


def test_local_workers_are_scaled_through_the_supervisor(api: Api) -> None:
    with api.local() as client:
        assert client.put("/api/v1/workers", json={"count": 3}).json() == {"workers": 3}
        assert client.put("/api/v1/workers", json={"count": 17}).status_code == 422
    assert ("scale", 3) in api.world.ordered
