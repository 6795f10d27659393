"""Settings changed in the file: what people wrote stays, and what a start would refuse is not written."""

import stat
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.core.errors import Changed, InvalidInput, Misconfigured
from cluster_ai.core.paths import Home
from cluster_ai.settings import load
from cluster_ai.settings_file import SettingElsewhere, SettingsFile, edited, fields, meant, taken_up

FILE = """# whose box this is
name = "attic"  # up there

[gateway]
# few, since it is small
queue_length = 4 # for now
resume = true

[[gateway.upstreams]]
name = "one"
url = "http://one:11434"

[gateway.aliases]
"small" = ["tiny"]

# by mail
[notify.smtp]
host = 'mail.lan'
"""


@pytest.fixture
def file(tmp_path: Path) -> SettingsFile:
    home = Home(tmp_path / "home")
    home.make()
    home.config.write_text(FILE)
    home.config.chmod(0o640)
    return SettingsFile(home)


def test_what_people_wrote_stays(file: SettingsFile) -> None:
    found = file.change({"name": "cellar", "gateway.queue_length": 64, "gateway.resume": None, "log_level": "debug"})
    assert (found.name, found.gateway.queue_length, found.gateway.resume, found.log_level) == (
        "cellar", 64, False, "debug",
    )  # fmt: skip
    text = file.home.config.read_text()
    for line in ("# whose box this is", "# few, since it is small", "# for now", "# up there", "# by mail"):
        assert line in text
    assert "resume" not in text
    assert "host = 'mail.lan'" in text
    assert stat.S_IMODE(file.home.config.stat().st_mode) == 0o640, "who let a group read it meant that"
    assert load({"CLUSTER_AI_HOME": str(file.home.root)}) == found


def test_nothing_is_written_unless_all_of_it_is_right(file: SettingsFile) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"name": "cellar", "gateway.queue_length": -1}, "gateway.queue_length"),
        ({"name": "cellar", "gateway.queue_lenght": 5}, "did you mean gateway.queue_length?"),
        ({"gateway": {"queue_length": 5}}, "no setting 'gateway'"),
        ({"ports.gateway": 8000}, "port 8000"),
        ({"gateway.aliases": {"small": None}}, "no empty values"),
        ({"home": "/tmp"}, "data directory"),
        ({"name": {"a": 1}}, "name"),
    ]
    for changes, said in wrong:
        with pytest.raises(InvalidInput, match=said.replace("?", r"\?")) as refused:
            file.change(changes)
        assert refused.value.path in changes
        assert file.home.config.read_text() == FILE


def test_a_file_that_is_wrong_already_is_not_touched(file: SettingsFile) -> None:
    for text in ("name = [", "nmae = 'x'\n"):
        file.home.config.write_text(text)
        with pytest.raises(Misconfigured):
            file.change({"log_level": "debug"})
        assert file.home.config.read_text() == text


def test_who_saw_another_file_changes_nothing(file: SettingsFile) -> None:
    seen = file.revision()
    file.change({"name": "cellar"}, seen=seen)
    with pytest.raises(Changed):
        file.change({"name": "attic"}, seen=seen)
    assert load({"CLUSTER_AI_HOME": str(file.home.root)}).name == "cellar"


def test_what_the_environment_gives_is_not_changed_here(file: SettingsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER_AI_GATEWAY__QUEUE_LENGTH", "7")
    with pytest.raises(SettingElsewhere, match="CLUSTER_AI_GATEWAY__QUEUE_LENGTH"):
        file.change({"gateway.queue_length": 9})
    # What our own command tells the processes that it starts stands in nobody's way.
    monkeypatch.setenv("CLUSTER_AI_LANG", "en")
    file.change({"lang": "pt-BR"})
    assert 'lang = "pt-BR"' in file.home.config.read_text()


def test_there_need_be_no_file(tmp_path: Path) -> None:
    file = SettingsFile(Home(tmp_path / "home"))
    before = file.revision()
    file.change({"notify.smtp.host": "mail.lan", "name": "new"})
    assert tomllib.loads(file.home.config.read_text()) == {"name": "new", "notify": {"smtp": {"host": "mail.lan"}}}
    assert stat.S_IMODE(file.home.config.stat().st_mode) == 0o600
    assert file.revision() != before


def test_two_at_once_lose_nothing(file: SettingsFile) -> None:
    wanted = {f"gateway.{name}": 5 for name in ("queue_length", "breaker_failures", "processes", "wake_seconds")}
    with ThreadPoolExecutor(len(wanted)) as others:
        for done in [others.submit(SettingsFile(file.home).change, {name: value}) for name, value in wanted.items()]:
            done.result(timeout=30)
    found = load({"CLUSTER_AI_HOME": str(file.home.root)}).gateway
    assert [found.queue_length, found.breaker_failures, found.processes, found.wake_seconds] == [5, 5, 5, 5]


@pytest.mark.parametrize(
    "text",
    [
        "gateway.queue_length = 3\n[backup]\n",
        "gateway = {queue_length = 3}\n",
        "[gateway]\nqueue_length = 3\n[backup]\n[gateway.aliases]\na = ['b']\n",
        "[gateway.aliases]\na = ['b']\n[backup]\n[gateway]\nqueue_length = 3\n",
        '"gateway"."queue_length" = 3\r\n',
        "[[gateway.upstreams]]\nname = 'a'\nurl = 'http://a'\n[gateway.upstreams.more]\n",
        "",
    ],
)
def test_every_form_of_toml_is_read_as_it_was_meant(text: str) -> None:
    before = tomllib.loads(text)
    after = tomllib.loads(edited(text, {"gateway.queue_length": 9, "name": "x", "backup.every_hours": 24}))
    assert after["gateway"] == before.get("gateway", {}) | {"queue_length": 9}
    assert (after["name"], after["backup"]) == ("x", {"every_hours": 24})


VALUES = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc.-", min_size=1, max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["name", "gateway.queue_length", "gateway.aliases", "notify.smtp.host", "a.b.c", "gateway.upstreams"]
)


@given(st.dictionaries(NAMES, st.none() | VALUES, min_size=1))
def test_any_value_comes_back_as_it_went_in(changes: dict[str, Any]) -> None:
    found = tomllib.loads(edited(FILE, changes))
    for name, value in changes.items():
        here: Any = found
        for part in name.split("."):
            here = here.get(part) if isinstance(here, dict) else None
        assert here == value
    if "name" not in changes:
        assert found["name"] == "attic"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("name", "5", "5"),
        ("name", '"5"', "5"),
        ("name", "the attic", "the attic"),
        ("gateway.queue_length", "64", 64),
        ("gateway.resume", "no", False),
        ("gateway.resume", "true", True),
        ("backup.every_hours", "24", 24),
        ("backup.every_hours", "0.5", 0.5),
        ("gateway.aliases", '{small = ["a", "b"]}', {"small": ["a", "b"]}),
        ("gateway.registries", '["x.y"]', ["x.y"]),
        ("compute.memory_limit", "2GiB", "2GiB"),
        ("gateway.local_ollama_url", "http://box:1", "http://box:1"),
        ("lang", "pt-BR", "pt-BR"),
        ("gateway.queue_length", "many", "many"),
        ("name", '1\nlog_level = "debug"', '1\nlog_level = "debug"'),
    ],
)
def test_what_is_typed_is_what_is_meant(name: str, text: str, value: Any) -> None:
    found = meant(name, text)
    assert (found, type(found)) == (value, type(value))


def test_what_takes_a_change_up_is_known_of_each() -> None:
    ways = {name: taken_up(name) for name, _ in fields()}
    assert ways["gateway.aliases"] == "reload"
    assert ways["backup.every_hours"] == ways["home"] == "restart"
