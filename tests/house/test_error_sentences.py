"""Every error code has a sentence in each language, and the sentences can be filled."""

import string

import pytest

from backend import reference
from cluster_ai.core.errors import Forbidden, NotFound, Unavailable
from cluster_ai.core.i18n import LANGS, texts
from cluster_ai.core.sentences import DOMAIN, OPEN, told

LISTENER = {
    "request_timeout",
    "wrong_host",
    "headers_too_large",
    "bad_request",
    "too_many_connections",
    "upstream_lost",
}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("lang", LANGS)
def test_every_code_has_a_sentence_and_no_sentence_is_without_a_code(lang: str) -> None:
    codes = {kind.code for kind in reference.every_error()} | LISTENER
    sentences = {key.partition(".")[0] for key in texts(lang, DOMAIN)}
    assert codes - texts(lang, DOMAIN).keys() == set()
    assert sentences - codes == set()


@pytest.mark.parametrize("key", texts("en", DOMAIN))
def test_languages_say_the_same(key: str) -> None:
    english, other = texts("en", DOMAIN)[key], texts("pt-BR", DOMAIN)[key]
    assert fields(english) == fields(other)
    assert english.endswith(OPEN) == other.endswith(OPEN)
    assert key.endswith(".hint") or english[-1] in ".:", "a sentence has an end"


def test_english_keeps_the_errors_own_words() -> None:
    error = NotFound("no node is called n9", hint="node ls", values={"about": "node", "name": "n9"})
    assert told(error, "en").line == "no node is called n9"


def test_values_fill_the_finest_sentence() -> None:
    error = NotFound("no node is called n9", hint="./manager.sh node ls", values={"about": "node", "name": "n9"})
    words = told(error, "pt-BR")
    assert (words.text, words.detail) == ("Não há nenhum nó chamado n9.", "")
    assert words.hint == "./manager.sh node ls"


def test_a_sentence_that_says_less_is_followed_by_the_errors_own_words() -> None:
    words = told(Unavailable("disk 3 is on fire"), "pt-BR")
    assert words.line == "Isso não funciona no momento: disk 3 is on fire"


def test_a_hint_in_words_is_translated_with_its_sentence() -> None:
    error = Forbidden("x", hint="ask an administrator", values={"about": "role", "least": "admin", "role": "user"})
    assert told(error, "pt-BR").hint == "peça a um administrador"


@pytest.mark.parametrize("values", [{}, {"about": "node"}, {"about": "a {thing}"}])
def test_values_that_do_not_fit_fall_back_to_what_does(values: dict[str, str]) -> None:
    assert told(NotFound("no such thing", values=values), "pt-BR").line == "Isso não existe: no such thing"


def test_a_code_of_another_version_is_told_in_its_own_words() -> None:
    error = NotFound("what is this")
    vars(error)["code"] = "never_heard_of"
    assert told(error, "pt-BR").line == "what is this"
