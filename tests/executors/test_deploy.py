"""DEPLOY: switched at once, healthy or back, and undone."""

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cluster_ai.core.errors import InvalidInput
from cluster_ai.executors.catalogue import check_parameters, checked_by
from cluster_ai.executors.kinds.deployment.releases import Releases
from cluster_ai.executors.types import ExecutorSettings
from tests.executors.attempts import Bench, Said, order


@pytest.fixture
def site(bench: Bench) -> Path:
    folder = bench.folder / "srv" / "site"
    bench.grants["deploy_folders"] = [str(bench.folder / "srv")]
    return folder


def release(site: Path, text: str, **more: Any) -> dict[str, Any]:
    files = [{"path": "index.html", "text": text}, {"path": "bin/start", "text": "#!/bin/sh\n", "executable": True}]
    return {"files": files, "to": str(site), **more}


def shown(site: Path) -> str:
    return (site / "current" / "index.html").read_text(encoding="utf-8")


@pytest.mark.real
def test_a_release_is_planned_switched_to_and_undone(bench: Bench, site: Path) -> None:
    first = bench.attempt("DEPLOY", release(site, "one"), ticket="a")
    assert first.result
    assert first.result.ok, first.result
    assert shown(site) == "one"
    assert first.logs == ["plan: add bin/start", "plan: add index.html"]
    assert (site / "current/bin/start").stat().st_mode & 0o777 == 0o755
    second = bench.result("DEPLOY", release(site, "two"), ticket="b")
    assert second.value["plan"] == ["change index.html"]
    assert second.value["previous"] == first.result.value["release"]
    assert shown(site) == "two"
    done = {"kind": "DEPLOY", "parameters": release(site, "two"), "value": second.value, "key": "key-of-b"}
    undone = bench.result("COMPENSATE", {}, ticket="b", done=done)
    assert undone.ok, undone
    assert shown(site) == "one"
    done = {"kind": "DEPLOY", "parameters": release(site, "one"), "value": first.result.value}
    assert bench.result("COMPENSATE", {}, ticket="a", done=done).ok
    assert not (site / "current").exists()


@pytest.mark.real
def test_doing_it_twice_is_as_good_as_once(bench: Bench, site: Path) -> None:
    bench.result("DEPLOY", release(site, "one"), ticket="a")
    first = bench.result("DEPLOY", release(site, "two"), ticket="b")
    again = bench.result("DEPLOY", release(site, "two"), ticket="b")
    assert (again.value["release"], again.value["previous"]) == (first.value["release"], first.value["previous"])


@pytest.mark.real
def test_a_dry_run_changes_nothing(bench: Bench, site: Path) -> None:
    bench.result("DEPLOY", release(site, "one"), ticket="a")
    before = sorted(path.relative_to(site) for path in site.rglob("*"))
    result = bench.result("DEPLOY", release(site, "two", dry_run=True), ticket="b")
    assert (result.value["plan"], result.value["dry_run"]) == (["change index.html"], True)
    assert sorted(path.relative_to(site) for path in site.rglob("*")) == before
    assert shown(site) == "one"


@contextmanager
def web(site: Path) -> Iterator[str]:
    """A server that is healthy as long as the page says so."""

    class Routes(BaseHTTPRequestHandler):
        def log_message(self, *_args: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200 if shown(site) != "sick" else 500)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Routes) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/health"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.real
def test_what_is_not_healthy_is_rolled_back_by_itself(bench: Bench, site: Path) -> None:
    with web(site) as url:
        health = {"url": url, "within_seconds": 1.0, "every_seconds": 0.1}
        good = bench.result("DEPLOY", release(site, "well", health=health), ticket="a")
        bad = bench.result("DEPLOY", release(site, "sick", health=health), ticket="b")
    assert good.ok, good
    assert (bad.ok, bad.code, bad.retryable) == (False, "unhealthy", False)
    assert "answers 500" in bad.error
    assert bad.value["rolled_back_to"] == good.value["release"]
    assert shown(site) == "well"
    assert not (site / "releases" / bad.value["release"]).exists()


@pytest.mark.real
def test_cancelled_while_it_waits_it_goes_back(bench: Bench, site: Path) -> None:
    bench.result("DEPLOY", release(site, "one"), ticket="a")
    said = Said()
    with web(site) as url:
        health = {"url": url, "within_seconds": 60.0, "every_seconds": 0.1}
        with bench.started(order("DEPLOY", release(site, "sick", health=health), ticket="b")) as process:
            assert process.stdout
            while 0.6 not in said.progress:
                said.take(process.stdout.readline())
            assert shown(site) == "sick"
            process.send_signal(signal.SIGTERM)
            for line in process.stdout:
                said.take(line)
    assert said.result
    assert said.result.code == "cancelled"
    assert shown(site) == "one"


@pytest.mark.real
def test_killed_in_the_middle_the_next_attempt_knows_the_way_back(bench: Bench, site: Path) -> None:
    first = bench.result("DEPLOY", release(site, "one"), ticket="a")
    with web(site) as url:
        health = {"url": url, "within_seconds": 1.0, "every_seconds": 0.1}
        parameters = release(site, "sick", health={**health, "within_seconds": 60.0})
        with bench.started(order("DEPLOY", parameters, ticket="b")) as process:
            said = Said()
            assert process.stdout
            while 0.6 not in said.progress:
                said.take(process.stdout.readline())
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert shown(site) == "sick"
        second = bench.result("DEPLOY", release(site, "sick", health=health), ticket="b")
    assert second.code == "unhealthy"
    assert second.value["rolled_back_to"] == first.value["release"]
    assert shown(site) == "one"


@pytest.mark.real
def test_old_releases_go_and_the_one_before_stays(bench: Bench, site: Path) -> None:
    for n in range(5):
        bench.result("DEPLOY", release(site, f"page {n}", keep=2), ticket=f"t{n}")
    left = [path for path in (site / "releases").iterdir() if not path.name.startswith(".")]
    assert len(left) == 2
    assert shown(site) == "page 4"


@pytest.mark.real
def test_only_one_at_a_time(bench: Bench, site: Path) -> None:
    with Releases(site).held():
        result = bench.result("DEPLOY", release(site, "one"))
    assert (result.code, result.retryable) == ("busy", True)


@pytest.mark.real
def test_folders_that_are_not_granted(bench: Bench, site: Path) -> None:
    outside = bench.result("DEPLOY", release(bench.folder / "etc", "x"))
    assert (outside.code, outside.retryable) == ("not_allowed", False)
    site.parent.mkdir()
    site.symlink_to(bench.folder)
    assert bench.result("DEPLOY", release(site, "x")).code == "not_allowed", "a link out of the folder is followed"


@pytest.mark.real
def test_a_missing_tool_is_named_and_nothing_is_switched(bench: Bench, site: Path) -> None:
    bench.grants["deploy_projects"] = ["web"]
    parameters = release(site, "one", compose={"project": "web", "file": "index.html"})
    result = bench.result("DEPLOY", parameters)
    if result.ok or result.code == "unhealthy":
        pytest.skip("a compose engine works here")
    assert result.code in ("tool_missing", "engine_unavailable")
    assert "docker" in result.error
    assert not (site / "current").exists()


@pytest.mark.real
@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="systemd runs here")
def test_a_machine_without_systemd_says_so(bench: Bench, site: Path) -> None:
    bench.grants["deploy_units"] = ["app-*.service"]
    parameters = release(site, "[Service]\nExecStart=true\n", unit={"name": "app-x.service", "file": "index.html"})
    result = bench.result("DEPLOY", parameters)
    assert (result.code, "systemctl" in result.error) == ("tool_missing", True)
    assert bool(shutil.which("systemctl")) == ("no systemd runs here" in result.error)
    assert not (site / "current").exists()


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({"files": [], "to": "/srv/x"}, "files"),
        ({"files": [{"path": "a", "text": ""}], "to": "srv"}, "to"),
        ({"files": [{"path": "a", "text": ""}], "to": "/srv/../etc"}, ""),
        ({"files": [{"path": "a", "text": ""}], "to": "/srv/x", "compose": {"project": "web"}}, ""),
        ({"files": [{"path": "a", "text": ""}], "to": "/srv/x", "unit": {"name": "../x.service", "file": "a"}}, "unit"),
        ({"files": [{"path": "a", "text": ""}], "to": "/srv/x", "health": {}}, "health"),
    ],
)
def test_wrong_deployments_are_refused(parameters: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_parameters("DEPLOY", parameters)
    assert caught.value.path.startswith(path)


def test_units_projects_and_addresses_need_a_grant(tmp_path: Path) -> None:
    settings = ExecutorSettings(deploy_folders=(tmp_path,), deploy_units=("app-*.service",), reach=("web.lan:80",))
    check = checked_by(settings)
    base = {"files": [{"path": "a", "text": ""}], "to": str(tmp_path / "x")}
    assert check("DEPLOY", {**base, "unit": {"name": "app-1.service", "file": "a"}, "health": {"tcp": "127.0.0.1:9"}})
    assert check("DEPLOY", {**base, "health": {"url": "http://web.lan/x"}})
    for wrong in (
        {"unit": {"name": "sshd.service", "file": "a"}},
        {"compose": {"project": "web", "file": "a"}},
        {"health": {"url": "http://169.254.169.254/latest"}},
    ):
        with pytest.raises(InvalidInput):
            check("DEPLOY", {**base, **wrong})
