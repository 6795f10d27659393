"""Which language a run speaks, and that all of it is there in both."""

import json
import re
import string
from pathlib import Path

import pytest

from cluster_ai.cli.language import UnknownLanguage, settle
from cluster_ai.core.i18n import LANGS, texts
from cluster_ai.gateway.types import BreakerState, UpstreamState
from cluster_ai.keys.types import KeyState
from cluster_ai.supervisor.types import PartState
from cluster_ai.views import DRAINING
from tests.cli.calling import ROOT, cli, environment


@pytest.mark.parametrize(
    ("words", "rest", "lang"),
    [
        (["--lang", "pt-BR", "status"], ["status"], "pt-BR"),
        (["status", "--lang=pt"], ["status"], "pt-BR"),
        (["status", "--lang", "pt_br", "--json"], ["status", "--json"], "pt-BR"),
        (["--lang=en", "up"], ["up"], "en"),
        (["run", "m", "--", "--lang", "xx"], ["run", "m", "--", "--lang", "xx"], None),
        (["status"], ["status"], None),
    ],
)
def test_the_flag_may_stand_anywhere(tmp_path: Path, words: list[str], rest: list[str], lang: str | None) -> None:
    env = {"CLUSTER_AI_HOME": str(tmp_path)}
    assert settle(words, env) == rest
    assert env.get("CLUSTER_AI_LANG") == lang


def test_an_unknown_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownLanguage):
        settle(["--lang", "de"], {"CLUSTER_AI_HOME": str(tmp_path)})
    done = cli("status", "--lang", "de", env=environment(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "pt-BR" in done.stderr


def test_the_settings_file_decides_when_nobody_else_does(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('lang = "pt-BR"\n')
    env = {"CLUSTER_AI_HOME": str(tmp_path)}
    settle(["status"], env)
    assert env["CLUSTER_AI_LANG"] == "pt-BR"
    env = {"CLUSTER_AI_HOME": str(tmp_path), "CLUSTER_AI_LANG": "en"}
    settle(["status"], env)
    assert env["CLUSTER_AI_LANG"] == "en"


@pytest.mark.parametrize("broken", ["lang = 7", "lang = [", 'lang = "xx"'])
def test_a_broken_settings_file_does_not_stop_the_help(tmp_path: Path, broken: str) -> None:
    (tmp_path / "config.toml").write_text(broken)
    done = cli("--help", env=environment(tmp_path))
    assert done.returncode == 0
    assert "Start the cluster" in done.stdout


def test_help_speaks_portuguese(tmp_path: Path) -> None:
    done = cli("up", "--help", "--lang", "pt-BR", env=environment(tmp_path))
    assert done.returncode == 0
    assert "Inicia o cluster" in done.stdout
    assert "Opções" in done.stdout


def test_complaints_speak_portuguese(tmp_path: Path) -> None:
    done = cli("stauts", env=environment(tmp_path, LC_ALL="pt_BR.UTF-8"))
    assert done.returncode == 2
    assert "Não existe o verbo" in done.stderr


def used_keys() -> set[str]:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "cluster_ai/cli").glob("*.py"))
    return set(re.findall(r"\bt\(\s*[\"']([a-z_.]+)[\"']", source))


def test_every_text_that_is_asked_for_exists() -> None:
    assert not used_keys() - texts("en", "cli").keys()


def test_no_text_lies_unused() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "cluster_ai/cli").glob("*.py"))
    # Those whose end is put in while it runs.
    built = ("column.", "state.", "help.group.", "welcome.", *re.findall(r"\bt\(\s*f[\"']([a-z_.]+\.)\{", source))
    unused = {key for key in texts("en", "cli").keys() - used_keys() if not key.startswith(built)}
    assert not {key for key in unused if f"t('{key}'" not in source}


def test_every_state_has_a_word_of_its_own() -> None:
    states = {state.value for kind in (UpstreamState, BreakerState, PartState, KeyState) for state in kind}
    for lang in LANGS:
        assert not {f"word.{state}" for state in states | {DRAINING}} - texts(lang, "cli").keys()


def test_no_text_is_left_in_english() -> None:
    """Words that are the same in both languages are short: names, units, abbreviations."""
    english, portuguese = texts("en", "cli"), texts("pt-BR", "cli")
    same = {key for key in english if english[key] == portuguese[key]}
    letters = {key: "".join(part for part, *_ in string.Formatter().parse(english[key])) for key in same}
    assert not {key for key, text in letters.items() if len(text.split()) > 1}


def test_diag_says_in_either_language_what_it_saw(tmp_path: Path) -> None:
    env = environment(tmp_path / "nowhere")
    seen = {
        lang: json.loads(cli("diag", "--json", "--lang", lang, env=env).stdout)["checks"] for lang in ("en", "pt-BR")
    }
    assert [row["id"] for row in seen["en"]] == [row["id"] for row in seen["pt-BR"]]
    said = {row["id"]: (row["evidence"], other["evidence"]) for row, other in zip(*seen.values(), strict=True)}
    alike = {check for check, (english, other) in said.items() if english == other}
    assert alike <= {"dashboard"}, "a path is a path"
    assert said["home"] == (f"{tmp_path}/nowhere is not there yet", f"{tmp_path}/nowhere ainda não existe")
    assert said["supervisor"][1] == f"Nenhum supervisor está rodando em {tmp_path}/nowhere."
