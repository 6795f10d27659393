"""What goes wrong comes out as one of our errors, with the server's code and hint."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cluster_ai.client import Client
from cluster_ai.core import errors
from cluster_ai.core.paths import Home
from cluster_ai.settings import Settings
from tests.tui.api_process import TOKEN
from tests.tui.running import Api, api_process

ROOT = Path(__file__).parents[2]
KINDS = [
    (400, "invalid_input", errors.InvalidInput),
    (401, "unauthenticated", errors.Unauthenticated),
    (403, "forbidden", errors.Forbidden),
    (404, "not_found", errors.NotFound),
    (409, "conflict", errors.Conflict),
    (409, "port_taken", errors.Conflict),
    (422, "", errors.InvalidInput),
    (429, "too_many", errors.Unavailable),
    (501, "unsupported", errors.Unsupported),
    (503, "unavailable", errors.Unavailable),
    (500, "internal", errors.ClusterError),
    (418, "", errors.ClusterError),
]


@pytest.mark.parametrize(("status", "code", "kind"), KINDS)
def test_problem_becomes_its_class(client: Client, api: Api, status: int, code: str, kind: type) -> None:
    api.script(status=status, code=code, detail="it is so", hint="do that")
    with pytest.raises(errors.ClusterError) as caught:
        client.overview()
    assert type(caught.value) is kind
    assert caught.value.code == (code or kind.code)
    assert (caught.value.message, caught.value.hint) == ("it is so", "do that")


def test_refused_field_is_named(client: Client, api: Api) -> None:
    api.script(status=422, detail="wrong", errors=[{"path": "count", "message": "must be below 16"}])
    with pytest.raises(errors.InvalidInput, match="wrong: must be below 16") as caught:
        client.add_workers(99)
    assert caught.value.path == "count"


def test_retry_after_is_kept(client: Client, api: Api) -> None:
    api.script(status=503, detail="busy", retry_after="7")
    with pytest.raises(errors.Unavailable) as caught:
        client.overview()
    assert caught.value.retry_after == 7


def test_server_text_cannot_steer_the_terminal(client: Client, api: Api) -> None:
    api.script(status=404, detail="no \x1b[2Jsuch\x07 thing\u202e", hint="\x1b]0;title\x07look")
    with pytest.raises(errors.NotFound) as caught:
        client.overview()
    assert (caught.value.message, caught.value.hint) == ("no such thing", "look")


def test_wrong_token(api: Api) -> None:
    with Client(api.url, token="wrong") as stranger, pytest.raises(errors.Unauthenticated, match="sign in"):
        stranger.overview()


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with Client(url) as client, pytest.raises(errors.Unavailable, match="no cluster answers") as caught:
            client.overview()
    assert caught.value.hint == "./manager.sh start"


def test_another_program_listens(client: Client, api: Api) -> None:
    api.script(garbage=True)
    with pytest.raises(errors.Unavailable, match="is not this API"):
        client.overview()


def test_an_address_that_is_none() -> None:
    with pytest.raises(errors.InvalidInput), Client("ftp://nowhere") as client:
        client.overview()


def test_error_in_the_middle_of_a_stream(client: Client, api: Api) -> None:
    api.script(pull=[{"status": "pulling"}, {"error": "disk full\x1b[31m"}])
    steps = client.pull("mine:7b")
    assert next(steps).status == "pulling"
    with pytest.raises(errors.Unavailable, match=r"disk full$"):
        next(steps)


def test_stream_refused_before_it_starts(client: Client, api: Api) -> None:
    api.script(status=409, code="cannot_pull", detail="no node can pull")
    with pytest.raises(errors.Conflict, match="no node can pull"):
        list(client.pull("mine:7b"))


def test_errors_of_the_caller_are_left_alone(client: Client) -> None:
    with pytest.raises(TimeoutError), client.chat({"model": "m"}):
        raise TimeoutError


def test_local_uses_the_internal_token(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make()
    home.internal_token.write_text(TOKEN + "\n")
    with api_process() as api:
        settings = Settings(home=tmp_path, ports={"backend": api.port})
        with Client.local(settings) as client:
            assert client.system().name == "home"


def test_local_without_a_cluster_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(errors.Unavailable, match="no cluster was started") as caught:
        Client.local(Settings(home=tmp_path))
    assert caught.value.hint == "./manager.sh start"


def test_proxy_of_the_environment_never_sees_the_token(api: Api) -> None:
    code = f"from cluster_ai.client import Client; print(Client({api.url!r}, token={TOKEN!r}).system().name)"
    env = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "home", done.stderr
