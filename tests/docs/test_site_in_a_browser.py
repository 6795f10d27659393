"""The site of the documents on a phone, with a keyboard and with axe: nothing is out of reach."""

import functools
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.chromium import Tab, tab
from tests.waiting import until

ROOT = Path(__file__).parents[2]
PAGES = ["how-to/compose/", "how-to/troubleshooting/", "reference/settings/", "pt-BR/how-to/add-a-machine/"]
AXE = ROOT / "web-dashboard/node_modules/axe-core/axe.min.js"
ASK = """
window.found = undefined
axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}).then((told) => {
  window.found = told.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(", ")}`)
})
0
"""

pytestmark = [pytest.mark.browser, pytest.mark.timeout(330)]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nobody reads who asked for what."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    subprocess.run([ROOT / "scripts/setup/dashboard.sh", "--to-work"], check=True)
    folder = tmp_path_factory.mktemp("site")
    env = {**os.environ, "UV": str(Path(sys.executable).with_name("uv")), "CLUSTER_AI_PYTHON": sys.executable}
    subprocess.run([ROOT / "scripts/docs/site.sh", "build", folder], env=env, check=True, timeout=300)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with tab(tmp_path_factory.mktemp("browser")) as page:
        yield page


def shown(page: Tab, url: str, width: int) -> None:
    page.sized(width, 780)
    page.open(url)
    frame = "document.querySelector('.md-typeset__scrollwrap')"
    ready = f"location.href === '{url}' && document.readyState === 'complete' && !!{frame}"
    until(lambda: page.value(ready), seconds=30, what="the page is there")


def stops(page: Tab) -> int:
    """Frames of tables that the tab key stops at."""
    return int(page.value("document.querySelectorAll('.md-typeset__scrollwrap[tabindex=\"0\"][aria-label]').length"))


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_on_a_phone(page: Tab, site: str, path: str) -> None:
    shown(page, site + path, 360)
    until(lambda: stops(page), seconds=10, what="the script has looked")
    page.value(AXE.read_text(encoding="utf-8"))
    page.value(ASK)
    assert until(lambda: page.value("window.found && {all: window.found}"), seconds=60, what="axe")["all"] == []


def test_arrow_keys_move_a_wide_table_and_a_table_that_fits_is_no_stop(page: Tab, site: str) -> None:
    shown(page, site + "how-to/troubleshooting/", 360)
    until(lambda: stops(page) == 1, seconds=10, what="it can be reached")
    page.value("document.querySelector('.md-typeset__scrollwrap').focus()")
    page.press("ArrowRight", 39)
    until(lambda: page.value("document.activeElement.scrollLeft > 0"), seconds=10, what="it scrolls")
    page.sized(1600, 900)
    until(lambda: stops(page) == 0, seconds=10, what="nothing is left to reach")


def test_code_that_the_theme_takes_from_the_keyboard_is_given_back(page: Tab, site: str) -> None:
    shown(page, site + "how-to/compose/", 360)
    found = "!!(window.one = document.querySelector('pre > code[tabindex=\"0\"]'))"
    until(lambda: page.value(found), seconds=10, what="it can be reached")
    page.value("window.one.removeAttribute('tabindex')")
    until(lambda: page.value("window.one.tabIndex === 0"), seconds=10, what="it can be reached again")
