"""Finding a model in the catalogue: by words, by what it can do, by where it fits. Pure."""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from cluster_ai.catalog.entries import Catalogue, Entry, Lang, Tag
from cluster_ai.catalog.fit import Room
from cluster_ai.core.wire import Count, View

Sort = Literal["best", "name", "size", "context"]
SORTS: Final[tuple[Sort, ...]] = ("best", "name", "size", "context")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """``rooms`` are nodes by name: with any, only sizes that fit one of them are found."""

    words: str = ""
    category: str = ""
    capability: str = ""
    language: str = ""
    rooms: Mapping[str, Room] | None = None
    context: int = 8192
    sort: Sort = "best"
    lang: Lang = "en"


class TagView(View):
    """One size. ``memory`` in bytes with the context that was asked for; ``fits`` names nodes."""

    name: str
    parameters: str
    quantization: str
    size: Count
    memory: Count
    context: Count
    fits: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    """That have it already."""


class EntryView(View):
    """A model of the catalogue as people see it, in their language."""

    name: str
    title: str
    by: str
    licence: str
    about: str
    capabilities: tuple[str, ...]
    categories: tuple[str, ...]
    languages: tuple[str, ...]
    tags: tuple[TagView, ...]


def search(catalogue: Catalogue, query: Query, *, held: Mapping[str, tuple[str, ...]]) -> tuple[EntryView, ...]:
    """What answers ``query``. ``held`` names the nodes that have each model already."""
    scored = []
    for entry in catalogue.entries.values():
        score = _score(catalogue, entry, query)
        tags = tuple(_tags(entry, query, held)) if score > 0 else ()
        if tags:
            scored.append((score, entry, tags))
    key = _ORDERS[query.sort]
    return tuple(_view(catalogue, entry, tags, query.lang) for _, entry, tags in sorted(scored, key=key))


def fits(entry: Entry, tag: Tag, room: Room, context: int) -> bool:
    """Whether the catalogue's figures speak for it; the exact answer needs the model's header."""
    memory = entry.memory(tag, context)
    return memory <= room.memory or memory <= sum(room.gpus) * 0.95


def plain(text: str) -> str:
    """In lower case and without accents: ``código`` is found by ``codigo``."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def _score(catalogue: Catalogue, entry: Entry, query: Query) -> float:
    """0 for what is not meant; else the higher the better it answers the words."""
    wanted = (
        (query.capability, entry.capabilities),
        (query.language, entry.languages),
        (query.category, entry.categories),
    )
    if any(value and value not in has for value, has in wanted):
        return 0
    score = 1.0
    for word in plain(query.words).split():
        found = max(weight for text, weight in _texts(catalogue, entry) if word in text or not weight)
        if not found:
            return 0
        score += found + (5 if plain(entry.name).startswith(word) else 0)
    return score


def _texts(catalogue: Catalogue, entry: Entry) -> list[tuple[str, float]]:
    """What words are looked for in, with weights; both languages, whatever the reader's."""
    names = [catalogue.category(key, lang) for key in entry.categories for lang in ("en", "pt-BR")]
    kinds = " ".join([*entry.capabilities, *entry.categories, *names])
    tags = " ".join(f"{entry.name}:{tag.tag} {tag.parameters}" for tag in entry.tags)
    about = f"{entry.about.en} {entry.about.pt}"
    texts = [(entry.name, 5.0), (entry.title, 4.0), (kinds, 3.0), (tags, 3.0), (entry.by, 2.0), (about, 1.0)]
    return [*((plain(text), weight) for text, weight in texts), ("", 0.0)]


def _tags(entry: Entry, query: Query, held: Mapping[str, tuple[str, ...]]) -> Iterable[TagView]:
    for tag in entry.tags:
        rooms = query.rooms or {}
        where = tuple(name for name, room in rooms.items() if fits(entry, tag, room, query.context))
        if query.rooms is not None and not where:
            continue
        name = f"{entry.name}:{tag.tag}"
        yield TagView(
            name=name,
            parameters=tag.parameters,
            quantization=tag.quantization,
            size=tag.size,
            memory=entry.memory(tag, query.context),
            context=tag.context or entry.context,
            fits=where,
            nodes=held.get(name, ()),
        )


_Scored = tuple[float, Entry, tuple[TagView, ...]]
_ORDERS: Final[dict[Sort, Callable[[_Scored], Any]]] = {
    "best": lambda one: (-one[0], one[1].name),
    "name": lambda one: one[1].name,
    "size": lambda one: (min(tag.size for tag in one[2]), one[1].name),
    "context": lambda one: (-max(tag.context for tag in one[2]), one[1].name),
}


def _view(catalogue: Catalogue, entry: Entry, tags: tuple[TagView, ...], lang: Lang) -> EntryView:
    return EntryView(
        name=entry.name,
        title=entry.title,
        by=entry.by,
        licence=entry.licence,
        about=entry.about.in_language(lang),
        capabilities=entry.capabilities,
        categories=tuple(catalogue.category(key, lang) for key in entry.categories),
        languages=entry.languages,
        tags=tags,
    )
