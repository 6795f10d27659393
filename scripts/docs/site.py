"""The documents as a site. The order of docs/README.md is its menu; docs/README.pt-BR.md has the Portuguese one.

    site.py build FOLDER     the whole site into FOLDER, which is made anew
    site.py serve FOLDER     that, and serves it on 127.0.0.1:8080 until Ctrl-C

Runs in the environment of requirements/docs.lock (scripts/docs/site.sh makes it): standard library and Zensical alone.
Exit: 0 ok, 1 Zensical refused a page.
"""

import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)#\s]*)(#[^)\s]*)?\)")
PORTUGUESE = ".pt-BR.md"
ABOVE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "README.pt-BR.md")
PORT = 8080
# The theme's script knows addresses of extras that no page uses; with this a browser asks nobody else in any case.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'none'"
)


@dataclass(frozen=True)
class Half:
    """One language of the site. `index` is the page whose links are its menu; `under` the folder in the site."""

    language: str
    index: str
    under: str
    home: str


HALVES = (Half("en", "docs/README.md", "", "All pages"), Half("pt-BR", "docs/README.pt-BR.md", "pt-BR", "Páginas"))


def half_of(page: str) -> Half:
    """The half that a page of the repository belongs to, by its name."""
    return HALVES[page.endswith(PORTUGUESE)]


def pages() -> list[str]:
    """Every page of the site, as paths in the repository."""
    return [*ABOVE, *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))]


def place(page: str) -> str:
    """Where a page lies in its half's source: `docs/` is the root, the README of the repository is `start.md`."""
    plain = page.replace(PORTUGUESE, ".md").removeprefix("docs/")
    if page in ABOVE:
        return "start.md" if plain == "README.md" else plain.lower()
    folder, _, name = plain.rpartition("/")
    return f"{folder}/index.md".lstrip("/") if name == "README.md" else plain


def targets(page: str) -> list[tuple[str, str]]:
    """Text and path in the repository of every link of a page that leads to a page, in order."""
    found = LINK.findall((ROOT / page).read_text(encoding="utf-8"))
    joined = [(text, joins(page, target)) for picture, text, target, _ in found if not picture and target]
    return joins_pages(joined)


def joins(page: str, target: str) -> str:
    """A link's target as a path in the repository, or as it stands when it leads out."""
    if "://" in target or target.startswith("mailto:"):
        return target
    return os.path.normpath(PurePosixPath(page).parent / target)


def joins_pages(links: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of links those that lead to pages, each page once."""
    known, seen = set(pages()), set[str]()
    kept = []
    for text, target in links:
        if target in known and target not in seen:
            seen.add(target)
            kept.append((text, target))
    return kept


def menu(half: Half) -> list[dict[str, object]]:
    """The menu of a half: a section for each heading of its index, its links as entries; decisions have their own."""
    shown: list[dict[str, object]] = [{half.home: "index.md"}]
    parts = re.split(r"^## (.*)$", (ROOT / half.index).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    for heading, body in zip(parts[::2], parts[1::2], strict=True):
        found = [(text, joins(half.index, target)) for _, text, target, _ in LINK.findall(body) if target]
        entries = [entry(text, page) for text, page in joins_pages(found) if half_of(page) == half]
        shown.append({heading: entries})
    return shown


def entry(text: str, page: str) -> dict[str, object]:
    """A line of the menu; an index of a folder brings the pages that it names."""
    if not page.endswith("adr/README.md"):
        return {text.replace("`", ""): place(page)}
    return {text: [place(page), *(place(below) for _, below in targets(page) if "/adr/" in below and below != page)]}


def in_menu(half: Half) -> set[str]:
    """The places that the menu of a half names."""

    def flat(item: object) -> list[str]:
        if isinstance(item, str):
            return [item]
        inner = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        return [name for part in inner for name in flat(part)]

    return set(flat(menu(half)))


def led(page: str, found: re.Match[str]) -> str:
    """A link as it is in the site; one to a file that the site has not becomes its text."""
    picture, text, target, anchor = found.groups()
    if not target or "://" in target or target.startswith("mailto:"):
        return found.group()
    here, there = half_of(page), joins(page, target)
    if there in set(pages()):
        other = half_of(there)
        up = os.path.relpath(place(there), PurePosixPath(place(page)).parent)
        # From one half into the other by the address: each half is a site of its own to Zensical.
        return f"[{text}]({up if other == here else address(page, there)}{anchor or ''})"
    if there.startswith("docs/") and (ROOT / there).is_file():
        kept = os.path.relpath(there.removeprefix("docs/"), PurePosixPath(place(page)).parent)
        return f"{picture}[{text}]({kept}{anchor or ''})"
    return text


def address(page: str, there: str) -> str:
    """The address of a built page as a link of another page's source; Zensical goes up for that page's own folder."""

    def built(name: str) -> PurePosixPath:
        folder = PurePosixPath(half_of(name).under) / place(name)
        return folder.parent if folder.name == "index.md" else folder.with_suffix("")

    return os.path.relpath(built(there), (PurePosixPath(half_of(page).under) / place(page)).parent) + "/"


def lay_out(half: Half, source: Path) -> None:
    """Writes the pages and pictures of a half into `source`, links led to where things are in the site."""
    for page in pages():
        if half_of(page) != half:
            continue
        made = source / place(page)
        made.parent.mkdir(parents=True, exist_ok=True)
        text = (ROOT / page).read_text(encoding="utf-8")
        made.write_text(LINK.sub(functools.partial(led, page), text), encoding="utf-8")
    shutil.copytree(ROOT / "docs/images", source / "images")
    shutil.copy(ROOT / "docs/openapi.json", source)
    shutil.copytree(ROOT / "scripts/docs/style", source / "style")


def settings(half: Half, source: Path, site: Path) -> dict[str, object]:
    """Zensical's settings: no fonts from elsewhere, both themes, the menu."""
    other = "../" if half.under else "pt-BR/"
    return {
        "site_name": "Cluster AI",
        "docs_dir": str(source),
        "site_dir": str(site),
        "extra_css": ["style/site.css"],
        "extra_javascript": ["style/site.js"],
        "nav": menu(half),
        # A line of code is no place to link to: empty links only trouble who hears the page.
        "markdown_extensions": [
            "tables",
            "attr_list",
            {"toc": {"permalink": True}},
            {"pymdownx.highlight": {"anchor_linenums": False}},
            "pymdownx.inlinehilite",
            "pymdownx.superfences",
        ],
        "theme": {
            "language": half.language,
            "font": False,
            "features": ["navigation.sections", "navigation.top", "content.code.copy", "search.highlight"],
            "palette": palettes(half),
        },
        "extra": {
            "generator": False,
            "alternate": [
                {"name": "English", "link": "./" if not half.under else other, "lang": "en"},
                {"name": "Português", "link": "./" if half.under else other, "lang": "pt-BR"},
            ],
        },
    }


def palettes(half: Half) -> list[dict[str, object]]:
    """Both themes, each with the button that leads to the other; which comes first goes by the reader's system."""
    dark, light = ("Tema escuro", "Tema claro") if half.under else ("Dark theme", "Light theme")
    return [
        {
            "media": "(prefers-color-scheme: light)",
            "scheme": "default",
            "toggle": {"icon": "lucide/moon", "name": dark},
        },
        {
            "media": "(prefers-color-scheme: dark)",
            "scheme": "slate",
            "toggle": {"icon": "lucide/sun", "name": light},
        },
    ]


def build(folder: Path) -> int:
    """Builds both halves into `folder`; what was there is gone. Zensical's exit code where it is not 0."""
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        for half in HALVES:
            work = Path(scratch) / half.language
            lay_out(half, work / "pages")
            written = json.dumps(settings(half, Path("pages"), Path("site")), ensure_ascii=False, indent=1)
            # JSON is YAML, and that is the one of its two formats that the standard library can write.
            (work / "mkdocs.yml").write_text(written, encoding="utf-8")
            zensical = Path(sys.executable).with_name("zensical")
            command: list[str | Path] = [zensical, "build", "--strict", "-f", "mkdocs.yml"]
            done = subprocess.run(command, cwd=work, check=False)  # noqa: S603 - our own environment's program
            if done.returncode:
                return done.returncode
            shutil.copytree(work / "site", folder / half.under, dirs_exist_ok=True)
    shut_in(folder)
    return 0


def shut_in(folder: Path) -> None:
    """Gives every built page the policy that keeps its browser from asking anybody else."""
    told = f'<head><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    for page in folder.rglob("*.html"):
        page.write_text(page.read_text(encoding="utf-8").replace("<head>", told, 1), encoding="utf-8")


def serve(folder: Path) -> None:
    """Serves the built site on loopback until Ctrl-C."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", PORT), handler) as server:
        print(f"http://127.0.0.1:{PORT}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def main(verb: str, folder: Path) -> int:
    """Does one verb; its exit code."""
    code = build(folder)
    if not code and verb == "serve":
        serve(folder)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]).absolute()))
