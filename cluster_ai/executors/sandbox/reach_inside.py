"""Inside of a sandbox: takes connections on loopback to the doorman's socket, and runs the program beside it.

``python3 -I -S reach_inside.py SOCKET -- PROGRAM ...``. Python's own library alone: our packages may not be there.
"""

import os
import socket
import subprocess
import sys
import threading

NAMES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def main(path: str, argv: list[str]) -> int:
    listening = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_serve, args=(listening, path), daemon=True).start()
    proxy = f"http://127.0.0.1:{listening.getsockname()[1]}"
    env = {**os.environ, **dict.fromkeys(NAMES, proxy)}
    try:
        code = subprocess.run(argv, env=env, check=False).returncode  # noqa: S603 - in the sandbox
    except OSError as exc:
        sys.stderr.write(f"{argv[0]}: {exc.strerror}\n")
        return 127
    return 128 - code if code < 0 else code


def _serve(listening: socket.socket, path: str) -> None:
    while True:
        taken, _ = listening.accept()
        threading.Thread(target=_joined, args=(taken, path), daemon=True).start()


def _joined(taken: socket.socket, path: str) -> None:
    with taken, socket.socket(socket.AF_UNIX) as outside:
        try:
            outside.connect(path)
        except OSError:
            return
        other = threading.Thread(target=_pour, args=(outside, taken), daemon=True)
        other.start()
        _pour(taken, outside)
        other.join()


def _pour(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[3:]))
