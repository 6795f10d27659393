"""The catalogue that is shipped, what people add to it, and finding a model in it."""

from pathlib import Path

import pytest

from cluster_ai.catalog.entries import Catalogue, parse, read_catalogue
from cluster_ai.catalog.fit import Room
from cluster_ai.catalog.search import EntryView, Query, search

GIB = 2**30
MINE = """
[[model]]
name = "house-model"
title = "House model"
licence = "MIT"
capabilities = ["chat"]
categories = ["house"]
languages = ["pt"]
context = 4096
tags = [
  { tag = "1b", parameters = "1.0B", quantization = "Q8_0", size = 1_000_000_000 },
  { tag = "2b", parameters = "2.0B", quantization = "Q8_0", size = 2_000_000_000, cache = 100 },
]
"""


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return read_catalogue()


def found(catalogue: Catalogue, **query: object) -> tuple[EntryView, ...]:
    return search(catalogue, Query(**query), held={})  # type: ignore[arg-type]


def names(catalogue: Catalogue, **query: object) -> list[str]:
    return [entry.name for entry in found(catalogue, **query)]


def test_what_is_shipped_is_whole(shipped: Catalogue) -> None:
    assert shipped.problems == ()
    assert len(shipped.entries) >= 60
    for entry in shipped.entries.values():
        assert set(entry.categories) <= set(shipped.categories), entry.name
        assert entry.about.en, entry.name
        assert entry.about.pt, entry.name
        assert len({tag.tag for tag in entry.tags}) == len(entry.tags), entry.name
        assert bool(entry.window) == any(tag.windowed for tag in entry.tags), entry.name


def test_categories_have_names_in_both_languages(shipped: Catalogue) -> None:
    assert shipped.category("reasoning", "en") == "Reasoning"
    assert shipped.category("reasoning", "pt-BR") == "Raciocínio"
    assert all(told.en and told.pt for told in shipped.categories.values())


def test_memory_is_what_the_models_header_would_say_within_a_fifth(shipped: Catalogue) -> None:
    # Llama 3.1 8B: 32 blocks of 8 heads of 128, twice, in 16 bits: 1 GiB for 8,192 tokens.
    entry = shipped.entries["llama3.1"]
    assert entry.memory(entry.tags[0], 8192) == pytest.approx(4_920_753_328 + GIB + 0.4 * GIB, rel=0.02)


def test_words_find_in_both_languages_and_without_accents(shipped: Catalogue) -> None:
    assert names(shipped, words="codigo")[0] in names(shipped, category="code")
    assert set(names(shipped, words="código")) == set(names(shipped, words="codigo"))
    assert names(shipped, words="llama3.2")[0].startswith("llama3.2")
    assert names(shipped, words="no such model at all") == []


def test_every_word_must_be_found(shipped: Catalogue) -> None:
    both = set(names(shipped, words="qwen code"))
    assert both
    assert both < set(names(shipped, words="qwen"))


def test_filters_narrow(shipped: Catalogue) -> None:
    assert all("embedding" in entry.capabilities for entry in found(shipped, capability="embedding"))
    assert all("pt" in entry.languages for entry in found(shipped, language="pt"))
    assert names(shipped, capability="vision", category="embedding") == []


def test_only_sizes_that_fit_are_found_and_where(shipped: Catalogue) -> None:
    rooms = {"small": Room(memory=4 * GIB), "large": Room(memory=8 * GIB, gpus=(24 * GIB,))}
    qwen = found(shipped, words="qwen3", rooms=rooms, category="reasoning")[0]
    assert [(tag.name, tag.fits) for tag in qwen.tags][:2] == [
        ("qwen3:0.6b", ("small", "large")),
        ("qwen3:1.7b", ("small", "large")),
    ]
    assert qwen.tags[-1].fits == ("large",)
    assert max(tag.memory for tag in qwen.tags) <= 24 * GIB


def test_sorting(shipped: Catalogue) -> None:
    sizes = [min(tag.size for tag in entry.tags) for entry in found(shipped, sort="size")]
    assert sizes == sorted(sizes)
    assert names(shipped, sort="name") == sorted(shipped.entries)


def test_people_add_and_override(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MINE + MINE.replace("house-model", "llama3.2"), encoding="utf-8")
    catalogue = read_catalogue(tmp_path)
    assert catalogue.problems == ()
    assert catalogue.entries["house-model"].tags[1].size == 2_000_000_000
    assert catalogue.entries["llama3.2"].title == "House model"
    assert found(catalogue, words="house-model")[0].categories == ("house",)


@pytest.mark.parametrize(
    ("wrong", "right", "line", "said"),
    [
        ('licence = "MIT"', "licence = 7", 5, "licence"),
        ('licence = "MIT"', 'license = "MIT"', 5, "license: Extra inputs"),
        ('capabilities = ["chat"]', 'capabilities = ["singing"]', 6, "capabilities.0"),
        ("context = 4096", "context = 0", 9, "context"),
        ("size = 2_000_000_000", "size = -2", 12, "tags.1.size"),
        ('parameters = "1.0B"', 'parameters = "many"', 11, "tags.0.parameters"),
        ("context = 4096", "context = = 4096", 9, "line 9"),
        ("[[model]]", "[[models]]", 2, "models"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(wrong: str, right: str, line: int, said: str) -> None:
    entries, problems = parse(MINE.replace(wrong, right), file="mine.toml")
    assert entries == []
    assert (problems[0].file, line) in {(problem.file, problem.line) for problem in problems}, problems
    assert any(said in str(problem) for problem in problems)


def test_one_wrong_entry_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MINE + MINE.replace("4096", "-1").replace("house", "other"), encoding="utf-8")
    catalogue = read_catalogue(tmp_path)
    assert "house-model" in catalogue.entries
    assert "other-model" not in catalogue.entries
    assert [problem.line for problem in catalogue.problems] == [22]
