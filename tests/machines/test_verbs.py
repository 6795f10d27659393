"""The verbs of ``cluster-ai node`` against a head and a machine: how each ends, what it says, what then holds."""

from collections.abc import Iterator

import pytest

from cluster_ai.cli.root import run
from tests.machines.desk import Desk, open_desk

pytestmark = pytest.mark.real
NAMELESS = "0" * 16
OF_A_MACHINE = (
    ("drain",),
    ("cordon",),
    ("uncordon",),
    ("label", "gpu"),
    ("wake",),
    ("logs",),
    ("exec", "ls"),
    ("reboot", "--yes"),
    ("rm", "--yes"),
    ("upgrade",),
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with open_desk(tmp_path_factory.mktemp("desk")) as desk:
        yield desk


@pytest.fixture
def here(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verbs called in this process find the desk, and name the program as it is called itself."""
    monkeypatch.delenv("CLUSTER_AI_CALLED_AS", raising=False)
    for name, value in desk.env.items():
        monkeypatch.setenv(name, value)


def test_machines_are_listed_and_shown_as_they_were_last_heard(desk: Desk) -> None:
    listed = desk.ask("node", "ls")
    assert {one["name"]: one["state"] for one in listed["machines"]} == {"attic": "never", "tower": "healthy"}
    assert [one["name"] for one in listed["items"]] == ["n1"]
    table = desk.cli("node", "ls", language="pt-BR")
    assert table.returncode == 0
    assert "ainda não ouvida" in table.stdout
    assert desk.ask("node", "show", "tower")["machine"]["services"][0]["kind"] == "ollama"
    # Of a machine that was never heard no figure is told: "0 B" would be one.
    shown = desk.cli("node", "show", "attic")
    assert shown.returncode == 0, shown.stderr
    rows = {line.partition(" ")[0]: line.partition(" ")[2].strip() for line in shown.stdout.splitlines()}
    assert rows["MACHINE"] == "not heard yet"
    assert {rows[name] for name in ("CPU", "MEMORY", "HEAT", "CLOCK", "WANTED")} == {"-"}
    assert "0 B" not in shown.stdout


def test_line_is_made_shown_without_its_secret_and_taken_back_by_whoever_has_it(desk: Desk) -> None:
    line = desk.line("--label", "gpu", "--minutes", "5")
    secret = line.rpartition(".")[2]
    found = {one["id"]: one for one in desk.ask("node", "invitations")["items"]}
    mine = found[line.rpartition("#")[2].partition(".")[0]]
    assert (mine["state"], mine["labels"]) == ("open", ["gpu"])
    assert 0 < mine["expires_at"] - mine["made_at"] <= 300
    assert sorted(one["used_by"] for one in found.values() if one["state"] == "used") == ["attic", "tower"]

    gone = desk.cli("node", "uninvite", line)
    assert (gone.returncode, gone.stdout) == (0, "")
    assert f"The line {mine['id']} is revoked" in gone.stderr
    table = desk.cli("node", "invitations", language="pt-BR")
    assert [row for row in table.stdout.splitlines() if mine["id"] in row and "revogada" in row]
    assert secret not in table.stdout + gone.stderr


def test_line_that_is_none_and_one_that_never_was(desk: Desk) -> None:
    typo = desk.cli("node", "uninvite", "tower")
    assert (typo.returncode, typo.stdout) == (2, "")
    assert "cluster-ai node invitations" in typo.stderr
    assert "String should" not in typo.stderr
    unknown = desk.cli("node", "uninvite", NAMELESS, language="pt-BR")
    assert unknown.returncode == 3
    assert f"Não existe a linha de entrada {NAMELESS}." in unknown.stderr
    assert "tente: cluster-ai node invitations" in unknown.stderr
    wrong = desk.cli("node", "invite", "--label", "A B")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "A B cannot be a label" in wrong.stderr


def test_drained_is_a_machine_once_the_gateway_knows_and_nothing_is_written_there(desk: Desk) -> None:
    def gateway(**more: object) -> None:
        desk.api.world.serve_nodes("n1", "tower", **more)
        desk.api.tick()

    # The gateway has not heard of it: it could send the next call there.
    gateway()
    late = desk.cli("node", "drain", "tower", "--timeout", "1")
    assert late.returncode == 8, "some of the work is not done"
    assert "tower is not drained yet" in late.stderr
    assert "0 answers" not in late.stderr, "it is not answers that it waits for"
    machine = desk.machine("tower")
    assert (machine["draining"], machine["drained"]) == (True, False)

    gateway(draining=True, inflight=2)
    busy = desk.cli("node", "drain", "tower", "--timeout", "1", language="pt-BR")
    assert busy.returncode == 8
    assert "2 respostas" in busy.stderr

    gateway(draining=True)
    done = desk.cli("node", "drain", "tower")
    assert (done.returncode, done.stdout) == (0, "")
    assert "tower is drained" in done.stderr
    assert desk.machine("tower")["drained"] is True
    assert "esvaziada" in desk.cli("node", "show", "tower", language="pt-BR").stdout

    again = desk.cli("node", "uncordon", "tower")
    assert (again.returncode, again.stderr) == (0, "tower gets work again.\n")
    machine = desk.machine("tower")
    assert not machine["draining"]
    assert not machine["cordoned"]
    assert not machine["drained"]


def test_cordoned_machine_is_shown_as_one_that_gets_no_new_work(desk: Desk) -> None:
    desk.api.world.serve_nodes("n1")
    desk.api.tick()
    cordoned = desk.cli("node", "cordon", "tower", language="pt-BR")
    assert (cordoned.returncode, cordoned.stderr) == (0, "tower não recebe trabalho novo.\n")
    assert desk.machine("tower")["cordoned"] is True
    rows = [line.split() for line in desk.cli("node", "ls").stdout.splitlines()]
    assert ["tower", "draining"] in [row[:2] for row in rows], "as a node that gets no new calls"
    shown = desk.cli("node", "show", "tower").stdout
    assert [line for line in shown.splitlines() if line.startswith("WANTED") and line.endswith("no new work")]
    assert desk.cli("node", "uncordon", "tower").returncode == 0
    assert desk.machine("tower")["cordoned"] is False


def test_labels_are_added_and_taken_away(desk: Desk) -> None:
    put = desk.cli("node", "label", "tower", "+gpu", "cellar", "gpu")
    assert (put.returncode, put.stderr) == (0, "tower has the labels: gpu cellar\n")
    taken = desk.cli("node", "label", "tower", "gpu-", "never-")
    assert (taken.returncode, taken.stderr) == (0, "tower has the labels: cellar\n")
    wrong = desk.cli("node", "label", "tower", "fast", "A B", language="pt-BR")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "A B não pode ser um rótulo" in wrong.stderr
    assert desk.machine("tower")["labels"] == ["cellar"], "nothing of it is done"


def test_commands_on_a_machine_speak_and_end_as_if_they_ran_here(desk: Desk) -> None:
    spoke = desk.cli("node", "exec", "tower", "--", "sh", "-c", "echo out; echo err >&2; exit 42")
    assert (spoke.returncode, spoke.stdout, spoke.stderr) == (42, "out\n", "err\n")
    missing = desk.cli("node", "exec", "tower", "no-such-program")
    assert missing.returncode == 127
    assert "no-such-program: No such file or directory" in missing.stderr


def test_logs_of_a_machine_and_of_a_part_that_it_does_not_have(desk: Desk) -> None:
    lines = [f'{{"event": "line {number}"}}' for number in range(5)]
    (desk.tower.logs / "agent.log").write_text("\n".join(lines) + "\n")
    last = desk.cli("node", "logs", "tower", "agent", "-n", "2")
    assert (last.returncode, last.stdout.splitlines()) == (0, lines[-2:]), last.stderr
    unknown = desk.cli("node", "logs", "tower", "kitchen")
    assert (unknown.returncode, unknown.stdout) == (3, "")
    assert "try: agent" in unknown.stderr


def test_machine_that_cannot_be_reached_is_named_as_people_know_it(desk: Desk) -> None:
    closed = desk.cli("node", "logs", "attic")
    assert (closed.returncode, closed.stdout) == (5, "")
    assert closed.stderr.startswith("Error: attic does not answer: connection refused\n")
    assert "try: is it on" in closed.stderr
    assert "code: machine_unreachable" in closed.stderr
    there = desk.cli("node", "exec", "attic", "ls", language="pt-BR")
    assert there.returncode == 5
    assert "Erro: attic não responde: connection refused." in there.stderr
    assert "tente: ela está ligada?" in there.stderr
    assert ".internal" not in closed.stderr + there.stderr, "nobody knows it by the name in its certificate"


def test_only_a_machine_whose_card_is_known_can_be_woken(desk: Desk) -> None:
    called = desk.cli("node", "wake", "attic")
    assert (called.returncode, called.stderr) == (0, "attic was called.\n")
    desk.add("loft")
    deaf = desk.cli("node", "wake", "loft")
    assert (deaf.returncode, deaf.stdout) == (5, "")
    assert "code: cannot_wake" in deaf.stderr
    assert "try: switch it on by hand" in deaf.stderr


def test_what_destroys_something_is_not_done_without_a_word(desk: Desk) -> None:
    for verb in ("reboot", "rm"):
        asked = desk.cli("node", verb, "attic")
        assert (asked.returncode, asked.stdout) == (2, "")
        assert "try: --yes" in asked.stderr
    assert desk.machine("attic")["orders"] == []
    told = desk.cli("node", "reboot", "attic", "--yes")
    assert told.returncode == 0
    assert "when it is heard again" in told.stderr, "it is away: nothing restarts now"
    assert [order["verb"] for order in desk.machine("attic")["orders"]] == ["reboot"]


def test_removed_machine_is_not_there_any_more(desk: Desk) -> None:
    desk.add("shed")
    gone = desk.cli("node", "rm", "shed", "--yes", language="pt-BR")
    assert (gone.returncode, gone.stdout) == (0, "")
    assert "shed" in gone.stderr
    with desk.api.local() as client:
        answer = client.get("/api/v1/machines/shed")
    assert (answer.status_code, answer.json()["code"]) == (404, "machine_not_found")
    again = desk.cli("node", "rm", "shed", "--yes", language="pt-BR")
    assert again.returncode == 3
    assert again.stderr.splitlines() == [
        "Erro: Nenhuma máquina se chama shed.",
        "  tente: cluster-ai node ls",
        "  código: machine_not_found",
    ]
    assert "shed" not in [one["name"] for one in desk.ask("node", "ls")["machines"]]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("words", OF_A_MACHINE, ids=lambda words: words[0])
def test_unknown_machine_is_told_with_its_name_and_where_the_others_are(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    verb, *more = words
    assert run(["node", verb, "nobody", *more]) == 3
    # What the head logs beside it, in this process, stands on stdout.
    said = capsys.readouterr()
    assert "nobody" in said.err
    assert "cluster-ai node ls" in said.err
    assert "machine_not_found" in said.err


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("words", [*OF_A_MACHINE, ("show",)], ids=lambda words: words[0])
@pytest.mark.parametrize("name", ["Bad Name", "..", "", "\x1b[31mred"])
def test_name_that_can_be_none_is_refused_in_words(
    words: tuple[str, ...], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    verb, *more = words
    assert run(["node", verb, name, *more]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "cluster-ai node ls" in said.err
    assert "String should" not in said.err
    assert "\x1b[31mred" not in said.err
