"""TEST: pytest in a sandbox, and pipelines elsewhere."""

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cluster_ai.core.errors import InvalidInput
from cluster_ai.executors.catalogue import check_parameters, checked_by
from cluster_ai.executors.failures import Failed
from cluster_ai.executors.kinds.testing.junit import parse
from cluster_ai.executors.types import ExecutorSettings
from tests.executors.attempts import Bench, Said, order

MIXED = """
import pytest
from shop import price

def test_good():
    assert price(2) == 4

def test_bad():
    assert price(3) == 7, "a price is wrong"

@pytest.mark.skip
def test_left_out(): ...

@pytest.fixture
def broken(): raise RuntimeError("no fixture")

def test_error(broken): ...
"""
SHOP = "def price(n):\n    if n > 100:\n        return 0\n    return n * 2\n"


def files(test: str) -> list[dict[str, str]]:
    return [{"path": "shop.py", "text": SHOP}, {"path": "tests/test_shop.py", "text": test}]


GOOD = "from shop import price\ndef test_good():\n    print('hello'); assert price(2) == 4\n"


@pytest.mark.real
def test_a_green_run_with_coverage(bench: Bench) -> None:
    wanted = {"files": files(GOOD), "env": {"PYTHONPATH": "."}, "coverage": ["."], "least_coverage": 0.5}
    said = bench.attempt("TEST", wanted)
    assert said.result
    assert said.result.ok, said.result
    value = said.result.value
    assert (value["tests"], value["passed"], value["failed"]) == (1, 1, 0)
    assert 0.5 < value["coverage"] < 1
    assert {each.path for each in said.result.artefacts} == {"junit.xml", "coverage.json"}
    assert 1.0 in said.progress
    strict = bench.result("TEST", {**wanted, "least_coverage": 1.0})
    assert (strict.code, strict.value["passed"]) == ("coverage_low", 1)


@pytest.mark.real
def test_failures_are_counted_and_named(bench: Bench) -> None:
    result = bench.result("TEST", {"files": files(MIXED), "env": {"PYTHONPATH": "."}})
    assert (result.ok, result.code, result.retryable) == (False, "tests_failed", False)
    counts = {name: result.value[name] for name in ("tests", "passed", "failed", "errors", "skipped")}
    assert counts == {"tests": 4, "passed": 1, "failed": 1, "errors": 1, "skipped": 1}
    first = result.value["failures"][0]
    assert first["test"] == "tests.test_shop::test_bad"
    assert "a price is wrong" in first["message"]


@pytest.mark.real
@pytest.mark.parametrize("test", ["x = 1\n", "import pytest\n@pytest.mark.skip\ndef test_x(): ...\n"])
def test_a_run_without_tests_is_no_success(bench: Bench, test: str) -> None:
    assert bench.result("TEST", {"files": files(test)}).code == "tests_failed"


@pytest.mark.real
def test_tests_that_lie_or_die_are_no_success(bench: Bench) -> None:
    forged = "<testsuites><testsuite><testcase classname='a' name='b'/></testsuite></testsuites>"
    dies = f"import os\ndef test_x():\n    open('junit.xml', 'w').write({forged!r})\n    os._exit(3)\n"
    result = bench.result("TEST", {"files": files(dies)})
    assert (result.ok, result.code) == (False, "tests_failed")
    silent = bench.result("TEST", {"files": files("import os\ndef test_x():\n    os._exit(0)\n")})
    assert silent.code == "report_missing"


@pytest.mark.real
def test_tests_have_no_network_and_end_in_time(bench: Bench) -> None:
    code = "import socket, time\ndef test_x():\n    time.sleep(60)\n"
    assert bench.result("TEST", {"files": files(code)}, limits={"seconds": 3}).code == "timed_out"


@pytest.mark.real
def test_a_packed_folder_is_tested(bench: Bench) -> None:
    pack = "import tarfile\nwith tarfile.open('all.tgz', 'w:gz') as t:\n    t.add('shop.py'); t.add('tests')\n"
    made = [*files(GOOD), {"path": "pack.py", "text": pack}]
    first = bench.result(
        "EXECUTE", {"files": made, "argv": ["python3", "pack.py"], "artefacts": ["all.tgz"]}, ticket="p"
    )
    assert first.ok, first
    brought = [{"path": "src", "ticket": "p", "artefact": "all.tgz", "unpack": True}]
    result = bench.result("TEST", {"files": brought, "paths": ["src/tests"], "env": {"PYTHONPATH": "src"}})
    assert result.ok, result
    assert result.value["passed"] == 1


@pytest.mark.parametrize("data", [b"", b"<a>", b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>"])
def test_reports_that_are_none(data: bytes) -> None:
    with pytest.raises(Failed) as caught:
        parse(data)
    assert caught.value.code == "report_missing"


@contextmanager
def pipeline(statuses: list[str]) -> Iterator[tuple[str, list[tuple[str, str, dict[str, str]]]]]:
    """A CI server: started by a POST, and every look at it is the next status."""
    calls: list[tuple[str, str, dict[str, str]]] = []

    class Routes(BaseHTTPRequestHandler):
        def log_message(self, *_args: Any) -> None:
            pass

        def do_POST(self) -> None:
            calls.append(("POST", self.path, dict(self.headers)))
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            calls.append(("BODY", sent, {}))
            self._send({"run": {"id": 77}})

        def do_GET(self) -> None:
            calls.append(("GET", self.path, dict(self.headers)))
            status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
            self._send({"state": status})

        def _send(self, body: Any) -> None:
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with ThreadingHTTPServer(("127.0.0.1", 0), Routes) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/ci/", calls
        finally:
            server.shutdown()
            thread.join()


def run_of(base: str, **more: Any) -> dict[str, Any]:
    named = {"id_field": "run.id", "status_field": "state", "every_seconds": 0.05}
    return {"pipeline": {"url": f"{base}start", "status_url": f"{base}runs/{{id}}", **named, **more}}


@pytest.mark.real
def test_a_pipeline_elsewhere_is_started_once_and_watched(bench: Bench) -> None:
    token = bench.folder / "token"
    token.write_text("s3cret\n", encoding="utf-8")
    with pipeline(["queued", "running", "success"]) as (base, calls):
        bench.grants["ci_urls"] = {base: str(token)}
        result = bench.result("TEST", run_of(base))
        again = bench.result("TEST", run_of(base))
    assert result.ok, result
    assert (result.value["id"], result.value["status"]) == ("77", "success")
    assert again.ok
    posts = [headers for verb, _, headers in calls if verb == "POST"]
    assert len(posts) == 1, "a second attempt at the ticket waits for the same run"
    lower = {name.lower(): value for name, value in posts[0].items()}
    assert lower["authorization"] == "Bearer s3cret"
    assert lower["idempotency-key"] == "key-of-t1"
    assert calls[2][1] == "/ci/runs/77"


@pytest.mark.real
def test_a_failed_and_an_absent_pipeline(bench: Bench) -> None:
    with pipeline(["failed"]) as (base, _):
        bench.grants["ci_urls"] = {base: None}
        failed = bench.result("TEST", run_of(base))
    assert (failed.code, failed.retryable) == ("pipeline_failed", False)
    away = bench.result("TEST", run_of(base), ticket="t2")
    assert (away.code, away.retryable) == ("pipeline_away", True)


@pytest.mark.real
def test_a_pipeline_that_reports_is_waited_for(bench: Bench) -> None:
    with pipeline(["running"]) as (base, calls):
        bench.grants["ci_urls"] = {base: None}
        parameters = run_of(base, status_url=None)
        said = Said()
        with bench.started(order("TEST", parameters)) as process:
            assert process.stdout
            said.take(process.stdout.readline())
            report(bench, succeeded=True, detail="42 tests", url="https://ci.lan/7")
            for line in process.stdout:
                said.take(line)
    assert said.result
    assert said.result.ok, said.result
    answer = {"succeeded": True, "detail": "42 tests", "url": "https://ci.lan/7"}
    assert said.result.value == {"status": "succeeded", "id": "77", "answer": answer}
    assert [verb for verb, *_ in calls] == ["POST", "BODY"]


def report(bench: Bench, **said: Any) -> None:
    """As a worker passes it on."""
    path = bench.ticket() / "reported.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".draft").write_text(json.dumps(said), encoding="utf-8")
    path.with_suffix(".draft").rename(path)


@pytest.mark.real
def test_a_pipeline_that_reported_before_is_not_started(bench: Bench) -> None:
    with pipeline(["running"]) as (base, calls):
        bench.grants["ci_urls"] = {base: None}
        report(bench, succeeded=False, detail="2 of 42 tests failed", url="https://ci.lan/7")
        failed = bench.result("TEST", run_of(base, status_url=None))
    assert (failed.code, failed.error) == ("pipeline_failed", "2 of 42 tests failed (https://ci.lan/7)")
    assert not failed.retryable
    assert calls == []


@pytest.mark.real
def test_what_failed_is_started_once_more_when_somebody_tries_it_again(bench: Bench) -> None:
    with pipeline(["failed", "success"]) as (base, calls):
        bench.grants["ci_urls"] = {base: None}
        assert bench.result("TEST", run_of(base)).code == "pipeline_failed"
        assert bench.result("TEST", run_of(base)).ok
    keys = [{name.lower(): text for name, text in headers.items()}["idempotency-key"]
            for verb, _, headers in calls if verb == "POST"]  # fmt: skip
    assert keys == ["key-of-t1", "key-of-t1:2"]


@pytest.mark.real
def test_a_pipeline_is_told_which_ticket_waits_for_it(bench: Bench) -> None:
    body = {"ref": "main", "variables": [{"name": "TICKET", "value": "of {ticket_id}, {id}"}]}
    with pipeline(["success"]) as (base, calls):
        bench.grants["ci_urls"] = {base: None}
        assert bench.result("TEST", run_of(base, body=body)).ok
    (sent,) = [json.loads(text) for verb, text, _ in calls if verb == "BODY"]
    assert sent == {"ref": "main", "variables": [{"name": "TICKET", "value": "of t1, {id}"}]}


@pytest.mark.real
def test_waiting_for_a_pipeline_is_cancelled_at_once(bench: Bench) -> None:
    with pipeline(["running"]) as (base, _):
        bench.grants["ci_urls"] = {base: None}
        said = Said()
        with bench.started(order("TEST", run_of(base, every_seconds=60.0))) as process:
            assert process.stdout
            said.take(process.stdout.readline())
            process.send_signal(signal.SIGTERM)
            for line in process.stdout:
                said.take(line)
            assert process.wait(10) == 0
    assert said.result
    assert said.result.code == "cancelled"


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"files": files(GOOD), "pipeline": {"url": "http://ci.lan/x"}},
        {"files": files(GOOD), "least_coverage": 0.5},
        {"pipeline": {"url": "http://ci.lan/x", "status_url": "http://other.lan/{id}"}},
        {"pipeline": {"url": "http://user@ci.lan/x"}},
        {"pipeline": {"url": "file:///etc/passwd"}},
    ],
)
def test_wrong_tests_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        check_parameters("TEST", parameters)


@pytest.mark.parametrize(
    "url", ["http://ci.lan.evil.org/", "http://ci.lan/other", "http://ci.lan/ci/../admin", "http://ci.lan/ci/%2e%2e/x"]
)
def test_pipelines_that_the_machine_does_not_grant(url: str) -> None:
    check = checked_by(ExecutorSettings(ci_urls={"http://ci.lan/ci/": None}))
    assert check("TEST", {"pipeline": {"url": "http://ci.lan/ci/start"}})
    with pytest.raises(InvalidInput, match="ci_urls"):
        check("TEST", {"pipeline": {"url": url}})
