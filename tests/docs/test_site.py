"""The site of the documents: every page is in a menu, and a browser that shows it asks nobody else."""

import os
import re
import runpy
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
FETCHING = {"src", "srcset", "poster", "data"}


@pytest.fixture(scope="module")
def site() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts/docs/site.py"))


def test_every_page_is_in_the_menu_of_its_language_and_every_entry_is_a_page(site: dict[str, Any]) -> None:
    for half in site["HALVES"]:
        there = {site["place"](page) for page in site["pages"]() if site["half_of"](page) == half}
        assert site["in_menu"](half) == there, half.language


def test_no_two_pages_have_one_place(site: dict[str, Any]) -> None:
    places = [(site["half_of"](page).language, site["place"](page)) for page in site["pages"]()]
    assert len(places) == len(set(places)) > 40


def test_lock_names_hashes_and_no_registry() -> None:
    lock = (ROOT / "requirements/docs.lock").read_text(encoding="utf-8")
    packages = re.findall(r"^([a-z0-9-]+)==(.*?)(?=^[a-z]|\Z)", lock, re.DOTALL | re.MULTILINE)
    assert "zensical" in dict(packages)
    assert all("--hash=sha256:" in rest for _, rest in packages)
    assert "://" not in lock


class Fetched(HTMLParser):
    """What a browser fetches by itself for a page, and where the page leads."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.leads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.asked += [given[name] for name in FETCHING & given.keys()]
        if tag == "link" and given.get("rel") != "canonical":
            self.asked.append(given["href"])
        if tag == "a" and "href" in given:
            self.leads.append(given["href"])


def read(page: Path) -> Fetched:
    found = Fetched()
    found.feed(page.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    uv = str(Path(sys.executable).with_name("uv"))
    env = {**os.environ, "UV": uv, "CLUSTER_AI_PYTHON": sys.executable}
    script = ROOT / "scripts/docs/site.sh"
    done = subprocess.run([script, "build", folder], env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.real
@pytest.mark.timeout(330)
def test_a_browser_fetches_nothing_from_elsewhere(built: Path) -> None:
    pages = list(built.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not [name for name in read(page).asked if urlsplit(name).netloc], page
        # What the theme's script would fetch by itself is refused by the page's own policy, which stands before it.
        policy = text.index('http-equiv="Content-Security-Policy" content="default-src \'self\'')
        assert policy < text.index("<script")
    for sheet in built.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet


@pytest.mark.real
@pytest.mark.timeout(330)
def test_every_link_of_the_site_leads_to_a_file_of_it(built: Path) -> None:
    lost = []
    # The page for an address that is not there is served anywhere: its links are from the root.
    for page in set(built.rglob("*.html")) - set(built.rglob("404.html")):
        for link in read(page).leads:
            there = urlsplit(link)
            target = (page.parent / there.path).resolve() if there.path else page
            if not there.scheme and not (target.is_file() or (target / "index.html").is_file()):
                lost.append(f"{page.relative_to(built)} -> {link}")
    assert not lost
