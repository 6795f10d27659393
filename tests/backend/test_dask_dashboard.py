"""Dask's own dashboard: for who is signed in, in a sandbox, and for nobody else."""

import contextlib
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from backend.caller import Caller
from backend.dask_pages import MOST_TICKETS, Tickets
from cluster_ai.core.principals import Channel, Principal, Role
from tests.backend.chromium import tab
from tests.backend.running import Api, running_api
from tests.compute.parts import Dask
from tests.ports import free_port
from tests.waiting import until

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    parts = Dask(tmp_path_factory.mktemp("dask"))
    try:
        parts.start_scheduler()
        yield parts
    finally:
        parts.stop()


@pytest.fixture(scope="module")
def api(dask: Dask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_api(tmp_path_factory.mktemp("api") / "home", dask=f"http://127.0.0.1:{dask.dashboard}") as api:
        yield api


@pytest.fixture
def browser(api: Api) -> Iterator[httpx2.Client]:
    client, headers = api.signed_in()
    with client:
        client.headers.update(headers)
        yield client


def opened(browser: httpx2.Client) -> str:
    """The path below which this sign-in sees the dashboard."""
    answer = browser.get("/dask/")
    assert answer.status_code == 303
    place = answer.headers["location"]
    assert re.fullmatch(r"/dask-view/[\w-]{32}/status", place)
    return str(place).removesuffix("/status")


@contextlib.contextmanager
def fed(api: Api, path: str, page: str, **headers: str) -> Iterator[ClientConnection]:
    token = re.search(r'"token":"([^"]+)"', page)
    assert token
    protocols = ["bokeh", token[1]]
    with connect(
        api.url.replace("http", "ws") + path, subprotocols=protocols, additional_headers=headers, proxy=None
    ) as socket:
        yield socket


def test_page_is_shown_in_a_sandbox_with_all_that_it_loads(api: Api, browser: httpx2.Client, dask: Dask) -> None:
    base = opened(browser)
    with api.client() as sandbox, httpx2.Client(base_url=f"http://127.0.0.1:{dask.dashboard}", trust_env=False) as bare:
        page = sandbox.get(f"{base}/status")
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        policy = page.headers["content-security-policy"]
        assert policy.startswith("sandbox allow-scripts;")
        assert "allow-same-origin" not in policy
        files = re.findall(r'(?:src|href)="(static[^"]+)"', page.text)
        assert len(files) > 5
        for file in files:
            answer = sandbox.get(f"{base}/{file}")
            assert answer.status_code == 200, file
            assert answer.content == bare.get(f"/{file}").content, "all of it"
            assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        again = sandbox.get(
            f"{base}/{files[0]}", headers={"If-None-Match": sandbox.get(f"{base}/{files[0]}").headers["etag"]}
        )
        assert again.status_code == 304
        assert sandbox.get(f"{base}/nothing-there").status_code == 404
        workers = sandbox.get(f"{base}/info/main/workers.html")
        below = re.findall(r'href="([./]+)statics', workers.text)
        assert below
        assert set(below) == {"../../"}


def test_pages_are_fed_through_their_socket(api: Api, browser: httpx2.Client) -> None:
    base = opened(browser)
    with api.client() as sandbox:
        page = sandbox.get(f"{base}/status").text
    with fed(api, f"{base}/status/ws", page, Origin="null") as socket:
        assert socket.subprotocol == "bokeh"
        assert '"msgtype": "ACK"' in str(socket.recv(timeout=10))
    with api.local() as program:
        page = program.get("/dask/status").text
        with fed(api, "/dask/status/ws", page, Authorization=program.headers["authorization"]) as socket:
            assert '"msgtype": "ACK"' in str(socket.recv(timeout=10))


@pytest.mark.browser
def test_in_a_browser_it_lives_and_is_a_stranger_to_our_pages(api: Api, browser: httpx2.Client, tmp_path: Path) -> None:
    base = opened(browser)
    with tab(tmp_path) as page:
        page.open(f"{api.url}{base}/workers")
        until(lambda: page.value("Bokeh.documents.length") == 1, seconds=30, what="Bokeh shows its document")
        assert page.value("window.origin") == "null"
        assert page.value("(() => { try { return document.cookie } catch (e) { return e.name } })()") == "SecurityError"
        page.value("fetch('/api/v1/auth/me').then(a => { window.got = a.status }, e => { window.got = e.name })")
        assert until(lambda: page.value("window.got"), seconds=10, what="an end of the call") == "TypeError"


def test_strangers_get_nothing(api: Api, browser: httpx2.Client) -> None:
    base = opened(browser)
    with api.client() as stranger:
        for path in ("/dask/", "/dask/status", "/dask-view/guessed/status", "/dask/metrics"):
            assert stranger.get(path).status_code == 401, path
        page = stranger.get(f"{base}/status").text
    cookie = f"cluster_ai_session={browser.cookies['cluster_ai_session']}"
    for path, headers, status in (
        ("/dask/status/ws", {}, 401),
        ("/dask-view/guessed/status/ws", {"Origin": "null"}, 401),
        (f"{base}/status/ws", {"Origin": "http://evil.example"}, 403),
        ("/dask/status/ws", {"Origin": "http://evil.example", "Cookie": cookie}, 403),
        ("/dask/status/ws", {"Origin": "null", "Cookie": cookie}, 403),
    ):
        with pytest.raises(InvalidStatus) as refused, fed(api, path, page, **headers):
            pass
        assert refused.value.response.status_code == status, (path, headers)


def test_signing_out_ends_pages_and_their_streams(api: Api, browser: httpx2.Client) -> None:
    base = opened(browser)
    assert opened(browser) == base, "one sign-in has one ticket"
    with api.client() as sandbox:
        page = sandbox.get(f"{base}/status").text
        with fed(api, f"{base}/status/ws", page, Origin="null") as socket:
            assert socket.recv(timeout=10)
            assert browser.post("/api/v1/auth/logout").status_code == 204
            with pytest.raises(ConnectionClosed) as closed:
                deque(iter(lambda: socket.recv(timeout=10), None), maxlen=0)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
        assert sandbox.get(f"{base}/status").status_code == 401


def test_what_leads_elsewhere_stays_below(api: Api, browser: httpx2.Client, dask: Dask) -> None:
    base = opened(browser)
    with api.client() as sandbox:
        # The dashboard sends whoever asks for its top to a page of its own.
        for path in ("//127.0.0.1:1/status", "..%2f..%2fapi%2fv1%2foverview", "%2e%2e/health"):
            answer = sandbox.get(f"{base}/{path}")
            assert answer.status_code in {200, 301, 404}
            assert answer.headers.get("location", base).startswith(base)
    assert dask.scheduler
    assert dask.scheduler.poll() is None


def test_dashboard_that_is_away_is_said(tmp_path_factory: pytest.TempPathFactory) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    with running_api(tmp_path_factory.mktemp("away") / "home", dask=away) as api, api.local() as client:
        answer = client.get("/dask/status")
    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"


def test_tickets_are_bounded() -> None:
    tickets = Tickets()
    given = [tickets.of(caller(number)) for number in range(2 * MOST_TICKETS)]
    assert len(tickets._callers) == len(tickets._of) == MOST_TICKETS
    assert tickets.of(caller(2 * MOST_TICKETS - 1)) == given[-1]


def caller(number: int) -> Caller:
    who = Principal(id="u", name="u", role=Role.VIEWER, channel=Channel.SESSION)
    return Caller(who, "127.0.0.1", credential=f"session {number}")
