"""A Portuguese page and the English one beside it cannot drift apart unseen: what is not prose is the same in both."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)#]+)(#[^)]*)?\)")
# What a person reads in code, comments and values that are sentences, is in their language.
PROSE_IN_CODE = re.compile(r'#.*$|"[^"\n]* [^"\n]*"', re.MULTILINE)
PORTUGUESE = sorted((ROOT / "docs").rglob("*.pt-BR.md"))
# The index names what is translated, and the list of errors is made of the locales.
OWN = {ROOT / "docs/README.pt-BR.md", ROOT / "docs/reference/errors.pt-BR.md"}
PAIRS = [page for page in PORTUGUESE if page not in OWN]


def english(page: Path) -> Path:
    return page.with_name(page.name.replace(".pt-BR", ""))


@dataclass(frozen=True)
class Bones:
    """What is left of a page without its sentences, each in the page's order but `named`."""

    headings: list[str]
    code: list[str]
    rows: int
    steps: int
    named: set[str]
    links: set[str]


def bones(page: Path) -> Bones:
    text = page.read_text(encoding="utf-8")
    plain = FENCED.sub("", text)
    return Bones(
        headings=re.findall(r"^#+(?= )", plain, re.MULTILINE),
        code=[PROSE_IN_CODE.sub("", block) for block in FENCED.findall(text)],
        rows=len(re.findall(r"^\|", plain, re.MULTILINE)),
        steps=len(re.findall(r"^ *(?:[-*]|\d+\.) ", plain, re.MULTILINE)),
        # Where a line breaks is the editor's; the same thing may be named more often in one language.
        named={re.sub(r"\s+", " ", name) for name in re.findall(r"`([^`]+)`", plain)},
        links={target.replace(".pt-BR", "") for target, _ in LINK.findall(plain)},
    )


@pytest.mark.parametrize("page", PAIRS, ids=lambda page: page.stem)
def test_portuguese_page_has_the_bones_of_the_english_one(page: Path) -> None:
    ours, theirs = bones(page), bones(english(page))
    for field in Bones.__dataclass_fields__:
        assert getattr(ours, field) == getattr(theirs, field), field


@pytest.mark.parametrize("page", [ROOT / "README.pt-BR.md", *PORTUGUESE], ids=lambda page: page.stem)
def test_both_languages_of_a_page_lead_to_each_other(page: Path) -> None:
    other = english(page)
    assert f"*[English]({other.name})*" in page.read_text(encoding="utf-8") or other.name == "README.md"
    assert f"({page.name})" in other.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [ROOT / "README.pt-BR.md", *PORTUGUESE], ids=lambda page: page.stem)
def test_portuguese_page_leads_to_portuguese_pages_where_there_are_any(page: Path) -> None:
    # The language of the other half is what the index's and the README's first links offer.
    offered = {english(page), ROOT / "docs/README.md"}
    targets = {(page.parent / target).resolve() for target, _ in LINK.findall(page.read_text(encoding="utf-8"))}
    english_ones = {target for target in targets - offered if target.suffix == ".md" and ".pt-BR" not in target.name}
    missed = [one.name for one in english_ones if one.with_name(f"{one.stem}.pt-BR.md").exists()]
    assert not missed


def test_code_is_fenced_so_that_it_can_be_compared() -> None:
    indented = re.compile(r"^(?:#.*|)\n {4}\S", re.MULTILINE)
    pages = [*(ROOT / "docs/how-to").glob("*.md"), *(ROOT / "docs").glob("*.md")]
    assert [page.name for page in pages if indented.search(FENCED.sub("", page.read_text(encoding="utf-8")))] == []


def test_every_page_that_tells_how_to_do_something_is_there_in_both_languages() -> None:
    pages = {page for page in (ROOT / "docs/how-to").glob("*.md") if ".pt-BR" not in page.name}
    assert [page.name for page in sorted(pages) if not page.with_name(f"{page.stem}.pt-BR.md").exists()] == []


def test_both_lists_of_errors_have_the_same_codes() -> None:
    def told(page: str) -> list[str]:
        text = (ROOT / "docs/reference" / page).read_text(encoding="utf-8")
        return re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE)

    assert told("errors.pt-BR.md") == told("errors.md")
