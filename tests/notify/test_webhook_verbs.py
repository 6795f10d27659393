"""``cluster-ai webhook`` on an API of real parts."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.notify_room import NotifyConfig
from cluster_ai.cli import webhook
from cluster_ai.cli.fitting import GAP, fitted
from cluster_ai.notify.types import NotifySettings
from tests.backend.running import running_api
from tests.keys.test_verbs import Desk
from tests.notify.listener import Listener, listening
from tests.notify.test_webhooks_over_the_api import happen
from tests.waiting import until

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, listener: Listener) -> Iterator[Desk]:
    config = NotifyConfig(NotifySettings(allow=(listener.origin,)), poll_seconds=0.05)
    with running_api(Path(tmp_path_factory.mktemp("verbs")) / "home", notify=config) as api:
        yield Desk(api)


def answer(desk: Desk, *words: str, code: int = 0) -> dict:
    done = desk.cli("webhook", *words, "--json")
    assert done.returncode == code, done.stderr
    return dict(json.loads(done.stdout))


def test_a_webhooks_life(desk: Desk, listener: Listener) -> None:
    added = desk.cli("webhook", "add", listener.url, "--events", "ticket.*", "--name", "lights")
    assert added.returncode == 0, added.stderr
    assert added.stdout.startswith("whsec_")
    assert len(added.stdout.splitlines()) == 1
    shown = desk.cli("webhook", "list")
    assert "lights" in shown.stdout
    assert added.stdout.strip() not in shown.stdout
    found = answer(desk, "show", "lights")
    assert (found["events"], found["enabled"]) == (["ticket.*"], True)
    assert answer(desk, "show", found["id"][:20])["id"] == found["id"]
    assert "taken: 200" in desk.cli("webhook", "test", "lights").stderr
    listener.status = 410
    happen(desk.api, "ticket.failed")
    until(lambda: answer(desk, "deliveries", "lights", "--state", "dead")["items"], what="it is given up")
    listener.status = 200
    assert "410" in desk.cli("webhook", "show", "lights").stdout
    refused = desk.cli("webhook", "redeliver", "lights")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "webhook_disabled" in refused.stderr
    assert desk.cli("webhook", "enable", "lights").returncode == 0
    assert answer(desk, "redeliver", "lights") == {"schema_version": 1, "count": 1}
    until(lambda: answer(desk, "deliveries", "lights", "--state", "sent")["items"], what="it is taken")
    table = desk.cli("webhook", "deliveries", "lights").stdout
    assert "ticket.failed" in table
    assert "enviada" in desk.cli("--lang", "pt-BR", "webhook", "deliveries", "lights").stdout
    assert desk.cli("webhook", "disable", "lights").returncode == 0
    assert desk.cli("webhook", "remove", "lights").returncode == 2, "nobody is there to ask"
    assert desk.cli("webhook", "remove", "lights", "--yes").returncode == 0
    assert desk.cli("webhook", "show", "lights").returncode == 3


def test_secret_comes_from_a_file_and_is_not_repeated(desk: Desk, listener: Listener, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + "A" * 43 + "=\n")
    added = desk.cli("webhook", "add", listener.url, "--name", "own", "--secret-file", str(secret))
    assert (added.returncode, added.stdout) == (0, ""), added.stderr
    assert desk.cli("webhook", "remove", "own", "--yes").returncode == 0


def test_failed_test_is_an_error_with_its_reason(desk: Desk, listener: Listener) -> None:
    assert desk.cli("webhook", "add", listener.url, "--name", "broken").returncode == 0
    listener.status = 500
    done = desk.cli("webhook", "test", "broken")
    listener.status = 200
    assert done.returncode == 1
    assert "500 ok" in done.stderr
    desk.cli("webhook", "remove", "broken", "--yes")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("add",), 2),
        (("add", "http://127.0.0.1:1/"), 6),
        (("add", "http://169.254.169.254/"), 6),
        (("add", "http://nobody.invalid/", "--events", "Not One"), 2),
        (("add", "http://nobody.invalid/", "--kind", "pigeon"), 2),
        (("add", "http://nobody.invalid/", "--secret-file", "/nowhere"), 2),
        (("show", "nobody"), 3),
        (("deliveries", "nobody"), 3),
        (("deliveries", "x", "--limit", "0"), 2),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_wrong_words_are_refused(desk: Desk, words: tuple[str, ...], code: int) -> None:
    done: subprocess.CompletedProcess[str] = desk.cli("webhook", *words)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr


@pytest.mark.parametrize(
    ("columns", "fit", "widths"),
    [
        (webhook.COLUMNS, webhook.FIT, [36, 14, 8, 30, 40, 60]),
        (webhook.DELIVERIES, webhook.DELIVERIES_FIT, [36, 22, 12, 8, 4, 5, 8, 12, 60]),
    ],
)
def test_lists_fit_eighty_columns(columns: tuple[str, ...], fit: object, widths: list[int]) -> None:
    shown = fitted(widths, 80, fit)  # type: ignore[arg-type]
    assert sum(shown.values()) + GAP * (len(shown) - 1) <= 80
    assert {"id", "state"} <= {columns[place] for place in shown}
