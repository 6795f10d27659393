"""EXECUTE: programs and functions, and what they leave."""

import psutil
import pytest

from cluster_ai.core.errors import InvalidInput
from cluster_ai.executors.catalogue import check_parameters, checked_by, tickets_read_by
from cluster_ai.executors.types import ExecutorSettings
from tests.executors.attempts import Bench, Said, order

pytestmark = pytest.mark.real


def test_a_program_with_its_files_and_environment(bench: Bench) -> None:
    files = [
        {"path": "bin/run", "text": "#!/bin/sh\ncat in/data; echo $WORD $TICKET_KEY; exit 0\n", "executable": True},
        {"path": "in/data", "base64": "aGVsbG8K"},
    ]
    result = bench.result("EXECUTE", {"files": files, "argv": ["bin/run"], "env": {"WORD": "up"}})
    assert result.ok, result
    assert result.value["tail"] == "hello\nup key-of-t1\n"
    assert result.value["sandbox"] == "bubblewrap"


def test_no_shell_reads_the_arguments(bench: Bench) -> None:
    result = bench.result("EXECUTE", {"argv": ["echo", "$HOME; touch x", "`id`"]})
    assert result.value["tail"] == "$HOME; touch x `id`\n"


@pytest.mark.parametrize(
    ("argv", "words"), [(["sh", "-c", "exit 7"], "exit 7"), (["sh", "-c", "kill -9 $$"], "SIGKILL")]
)
def test_how_it_ended_is_told(bench: Bench, argv: list[str], words: str) -> None:
    result = bench.result("EXECUTE", {"argv": argv})
    assert (result.ok, result.code) == (False, "exit_nonzero")
    assert words in result.error


def test_a_program_that_is_not_there(bench: Bench) -> None:
    result = bench.result("EXECUTE", {"argv": ["no-such-program"]})
    assert result.code == "exit_nonzero"
    assert "no-such-program" in result.value["tail"]


def test_time_is_over(bench: Bench) -> None:
    result = bench.result("EXECUTE", {"argv": ["sleep", "60"]}, limits={"seconds": 0.5})
    assert (result.code, result.retryable) == ("timed_out", True)


def test_functions_of_named_modules_only(bench: Bench) -> None:
    bench.grants["modules"] = ["statistics"]
    good = bench.result("EXECUTE", {"function": "statistics:mean", "args": [[1, 2, 6]]})
    assert good.value["answer"] == 3
    bad = bench.result("EXECUTE", {"function": "os:getpid"})
    assert (bad.code, bad.retryable) == ("not_allowed", False)
    raising = bench.result("EXECUTE", {"function": "statistics:mean", "args": [[]]})
    assert (raising.code, "StatisticsError" in raising.error) == ("exit_nonzero", True)


def test_an_artefact_of_another_ticket_is_read(bench: Bench) -> None:
    bench.result("EXECUTE", {"argv": ["sh", "-c", "echo made > out.txt"], "artefacts": ["out.txt"]}, ticket="first")
    file = {"path": "in.txt", "ticket": "first", "artefact": "out.txt"}
    result = bench.result("EXECUTE", {"files": [file], "argv": ["cat", "in.txt"]}, ticket="second")
    assert result.value["tail"] == "made\n"
    assert tickets_read_by(check_parameters("EXECUTE", {"files": [file], "argv": ["true"]})) == {"first"}


def test_files_of_the_machine_need_its_consent(bench: Bench) -> None:
    shelf = bench.folder / "shelf"
    shelf.mkdir()
    (shelf / "data").write_text("on the shelf", encoding="utf-8")
    (shelf / "way-out").symlink_to("/etc/hostname")
    wanted = {"files": [{"path": "d", "source": str(shelf / "data")}], "argv": ["cat", "d"]}
    assert bench.result("EXECUTE", wanted).code == "not_allowed"
    bench.grants["inputs"] = [str(shelf)]
    assert bench.result("EXECUTE", wanted).value["tail"] == "on the shelf"
    wanted["files"] = [{"path": "d", "source": str(shelf / "way-out")}]
    assert bench.result("EXECUTE", wanted).code == "not_allowed"


def test_an_image_without_an_engine_is_refused_by_name(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(bench.folder))
    result = bench.result("EXECUTE", {"argv": ["true"], "image": "alpine:3"})
    assert (result.code, result.retryable) == ("engine_unavailable", True)
    assert "docker is not installed; podman is not installed" in result.error


def test_without_a_sandbox_only_trusted_tickets_of_trusted_kinds_run(bench: Bench) -> None:
    bench.grants["sandbox"] = "none"
    refused = bench.result("EXECUTE", {"argv": ["echo", "bare"]})
    assert (refused.code, refused.retryable) == ("sandbox_unavailable", True)
    marked = {"argv": ["sh", "-c", "echo bare; pwd"], "trusted": True}
    assert bench.result("EXECUTE", marked).code == "not_allowed"
    bench.grants["trusted_kinds"] = ["EXECUTE"]
    result = bench.result("EXECUTE", marked)
    assert result.ok, result
    assert result.value["sandbox"] == "none"
    assert result.value["tail"] == f"bare\n{bench.ticket()}/work\n"


def test_undoing_runs_the_tickets_own_program(bench: Bench) -> None:
    parameters = {
        "argv": ["true"],
        "undo": ["python3", "-c", "import json;print(json.load(open('done.json'))['value'])"],
    }
    done = {"kind": "EXECUTE", "parameters": parameters, "value": 42}
    result = bench.result("COMPENSATE", {"reason": "the plan failed"}, done=done)
    assert result.ok, result
    assert result.value["tail"] == "42\n"
    none = bench.result("COMPENSATE", {}, done={"kind": "EXECUTE", "parameters": {"argv": ["true"]}})
    assert (none.code, none.retryable) == ("undo_impossible", False)
    assert bench.result("COMPENSATE", {}).code == "undo_impossible"


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({}, ""),
        ({"argv": []}, "argv"),
        ({"argv": "rm -rf /"}, "argv"),
        ({"argv": ["a\x00b"]}, "argv.0"),
        ({"argv": ["true"], "env": {"A B": "c"}}, "env"),
        ({"argv": ["true"], "files": [{"path": "../x", "text": ""}]}, "files.0.path"),
        ({"argv": ["true"], "files": [{"path": "/x", "text": ""}]}, "files.0.path"),
        ({"argv": ["true"], "files": [{"path": "x"}]}, "files.0"),
        ({"argv": ["true"], "files": [{"path": "x", "text": "", "base64": ""}]}, "files.0"),
        ({"argv": ["true"], "files": [{"path": "x", "ticket": "../t", "artefact": "a"}]}, "files.0.ticket"),
        ({"argv": ["true"], "artefacts": ["../../x"]}, "artefacts.0"),
        ({"argv": ["true"], "reach": ["http://x"]}, "reach.0"),
        ({"argv": ["true"], "image": "-v/:/host"}, "image"),
        ({"function": "os.system"}, "function"),
        ({"argv": ["true"], "function": "os:getpid"}, ""),
    ],
)
def test_wrong_orders_are_refused_before_the_ticket_is_accepted(parameters: dict[str, object], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_parameters("EXECUTE", parameters)
    assert caught.value.path.startswith(path)


def test_a_machines_grants_are_checked_before_too() -> None:
    check = checked_by(ExecutorSettings(reach=("api.example.org:443", "*:80"), modules=("jobs",)))
    assert check("EXECUTE", {"argv": ["true"], "reach": ["other.example.org:80", "api.example.org:443"]})
    assert check("EXECUTE", {"function": "jobs.nightly:run"}) == {"function": "jobs.nightly:run"}
    for wrong in ({"function": "jobsx:run"}, {"argv": ["true"], "reach": ["other.example.org:443"]}):
        with pytest.raises(InvalidInput):
            check("EXECUTE", wrong)


def test_the_environment_of_a_ticket_is_in_no_command_line(bench: Bench) -> None:
    script = "sleep 30"
    wanted = order("EXECUTE", {"argv": ["sh", "-c", f"echo up; {script}"], "env": {"TOKEN": "not-for-ps"}})
    said = Said()
    with bench.started(wanted) as process:
        assert process.stdout
        while "up" not in said.logs:
            said.take(process.stdout.readline())
        lines = [" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])]
        assert any(script in line for line in lines)
        assert not any("not-for-ps" in line for line in lines)


def test_names_of_tickets_that_were_not_made_ids_lead_nowhere(bench: Bench) -> None:
    for name in ("a/../../x", "a/b", "a.b"):
        file = {"path": "in.txt", "ticket": name, "artefact": "out.txt"}
        result = bench.result("EXECUTE", {"files": [file], "argv": ["cat", "in.txt"]})
        assert (result.code, result.retryable) == ("invalid_input", False)
