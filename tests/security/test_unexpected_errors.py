"""A mistake of our own tells the caller a code, and the log its story."""

from fastapi import FastAPI
from starlette.testclient import TestClient

from backend import errors
from tests.told import told_by

CANARY = "canary of the inside"


def test_the_caller_learns_nothing_of_the_inside() -> None:
    app = FastAPI(openapi_url=None)
    errors.install(app)

    @app.get("/breaks")
    async def breaks() -> None:
        raise RuntimeError(CANARY)

    with told_by(errors) as told, TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/breaks")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert CANARY not in answer.text
    assert "Traceback" not in answer.text
    (entry,) = told
    assert str(entry["exc_info"]) == CANARY
