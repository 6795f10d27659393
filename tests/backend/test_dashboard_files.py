"""The dashboard's page and files, and what keeps other sites out."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.running import Api, running_api


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ui")
    (folder / "assets").mkdir()
    page = '<meta name="csp-nonce" content="__CSP_NONCE__"><style nonce="__CSP_NONCE__"></style>'
    (folder / "index.html").write_text(page)
    (folder / "assets" / "main-1a2b.js").write_text("let a = 1\n")
    (folder / "assets" / "main-1a2b.js.br").write_bytes(b"brotli")
    (folder / "favicon.svg").write_text("<svg/>")
    (folder.parent / "secret.txt").write_text("secret")
    return folder


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, ui: Path) -> Iterator[Api]:
    with running_api(tmp_path_factory.mktemp("api") / "home", ui_folder=ui) as api:
        yield api


def test_page_has_a_fresh_nonce_that_its_policy_names(api: Api) -> None:
    nonces = set()
    with api.client() as client:
        for path in ("/", "/nodes", "/chat/deep/link", "/?x=1"):
            answer = client.get(path, headers={"Accept": "text/html"})
            assert answer.status_code == 200
            assert "__CSP_NONCE__" not in answer.text
            inside = set(re.findall(r'(?:nonce|content)="([^"]+)"', answer.text))
            assert len(inside) == 1
            policy = answer.headers["content-security-policy"]
            assert f"style-src 'self' 'nonce-{inside.pop()}'" in policy
            assert "unsafe" not in policy
            assert answer.headers["cache-control"] == "no-cache"
            nonces.add(policy)
    assert len(nonces) == 4


def test_assets_are_kept_for_ever_and_sent_packed(api: Api) -> None:
    with api.client() as client:
        plain = client.get("/assets/main-1a2b.js", headers={"Accept-Encoding": "identity"})
        assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert plain.headers["content-type"].startswith("text/javascript")
        assert plain.text == "let a = 1\n"
        with client.stream("GET", "/assets/main-1a2b.js", headers={"Accept-Encoding": "br"}) as packed:
            assert packed.headers["content-encoding"] == "br"
            assert b"".join(packed.iter_raw()) == b"brotli"
        assert client.get("/favicon.svg").headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/api", "/api/", "/-/x", "/assets/none.js", "/none.png", "/..%2fsecret.txt", "/%00"]
)
def test_what_is_not_there_is_a_problem_even_for_a_browser(api: Api, path: str) -> None:
    with api.client() as client:
        answer = client.get(path, headers={"Accept": "text/html"})
    assert "secret" not in answer.text
    assert answer.status_code == 404 or path == "/%00"
    if answer.status_code == 404:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "no_such_route"


@pytest.mark.parametrize("path", ["/", "/health", "/api/v1/overview", "/api/v1/nothing", "/assets/main-1a2b.js"])
def test_every_answer_keeps_other_sites_out(api: Api, path: str) -> None:
    with api.client() as client:
        headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers
    assert headers["x-request-id"]
    assert "server" not in headers
    kept = {"/": "no-cache", "/assets/main-1a2b.js": "public, max-age=31536000, immutable"}
    assert headers["cache-control"] == kept.get(path, "no-store"), "what was asked for by name stays in no browser"


def test_a_short_path_is_a_page_for_browsers_and_an_answer_for_programs(api: Api) -> None:
    with api.client() as client:
        page = client.get("/models", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        # Whoever is nobody is told no model, whatever they call themselves.
        assert "items" not in page.text
        assert client.get("/models", headers={"Accept": "*/*"}).status_code == 401
    with api.local() as client:
        assert client.get("/models").json() == client.get("/api/v1/models").json()


def test_methods_that_do_not_apply(api: Api) -> None:
    with api.local() as client:
        assert client.head("/").status_code == 200
        assert client.post("/nowhere").status_code == 404
        refused = client.put("/api/v1/overview")
        assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
        assert refused.headers["allow"] == "GET"


def test_missing_build_is_said_on_a_page(tmp_path: Path) -> None:
    with running_api(tmp_path / "home", ui_folder=tmp_path / "nothing") as api, api.client() as client:
        answer = client.get("/")
        assert answer.status_code == 503
        assert "not built" in answer.text
        assert client.get("/health").status_code == 200
