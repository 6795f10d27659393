"""Whom the doorman lets through, and where to."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.executors.failures import Failed
from cluster_ai.executors.sandbox.reach import doorman, is_public, ungranted


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "fe80::1%eth0", "::",
        "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "fc00::1", "224.0.0.1", "255.255.255.255",
    ],
)  # fmt: skip
def test_what_is_not_the_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_what_is(address: str) -> None:
    assert is_public(address)


def test_a_star_stands_for_hosts_and_not_for_ports() -> None:
    assert ungranted(["a.org:443", "b.org:80"], ("*:443",)) == ["b.org:80"]
    with pytest.raises(Failed), doorman(["b.org:80"], ("*:443",)):
        pass


def said_to(path: object, request: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(10)
        asking.connect(str(path))
        asking.sendall(request)
        answer = b""
        while more := asking.recv(4096):
            answer += more
        return answer


def test_names_that_lead_home_are_refused_unless_the_machine_names_them() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        request = f"CONNECT localhost:{port} HTTP/1.1\r\n\r\n".encode()
        with doorman([f"localhost:{port}"], (f"*:{port}",)) as path:
            assert said_to(path, request).startswith(b"HTTP/1.1 502"), "a name that resolves to loopback"
            other = f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode()
            assert said_to(path, other).startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize(
    "request_line",
    ["CONNECT  a:1 HTTP/1.1", "GET /x HTTP/1.1", "GET http://user@a/ HTTP/1.1", "CONNECT a HTTP/1.1", "\x00" * 20],
)
def test_what_is_no_request_of_a_proxy_gets_no_answer(request_line: str) -> None:
    with doorman(["a:1"], ("a:1",)) as path:
        assert said_to(path, f"{request_line}\r\n\r\n".encode()) == b""


@given(st.binary(max_size=200))
def test_nothing_said_to_the_doorman_gets_through(noise: bytes) -> None:
    with doorman(["a.invalid:1"], ("a.invalid:1",)) as path:
        assert b" 200 " not in said_to(path, noise + b"\r\n\r\n")
