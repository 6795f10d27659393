"""A program small enough to be installed in a second, by the real installer: its head, its wheels, its command line.

What the installer and the runner see of it is what they see of the real one; the parts that would serve models are not
there.
"""

import hashlib
import shutil
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSION = "0.1.0"
# The real modules that the runner and the agent use on a machine.
KEPT = ("cluster_ai/__init__.py", "cluster_ai/core", "cluster_ai/nodes", "config/systemd", "scripts/install")
MAIN = r'''"""Joins, runs and tells how it is doing, as the real one."""
import hashlib, http.client, json, os, signal, socket, ssl, sys, time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

home = Path(os.environ["CLUSTER_AI_HOME"])
secret = next((word for word in sys.argv if "#" in word), "")
assert not secret, "a secret stood among the arguments"
assert not any(name in os.environ for name in ("CLUSTER_AI_JOIN", "CLUSTER_AI_PREFIX")), "not for programs"


def join():
    line = urlsplit(Path(sys.argv[sys.argv.index("--line-file") + 1]).read_text().strip())
    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(line.hostname, line.port, context=blind, timeout=10)
    connection.request("GET", "/ca", headers={"Host": "head.cluster-ai.internal"})
    authority = connection.getresponse().read().decode()
    der = ssl.PEM_cert_to_DER_cert(authority)
    assert hashlib.sha256(der).hexdigest() == parse_qs(line.query)["ca"][0]
    headers = {"Host": "head.cluster-ai.internal", "Authorization": "Bearer " + line.fragment}
    connection.request("POST", "/join", json.dumps(sys.argv[1:]), headers)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    if answer.status != 200:
        # As the real one writes an error.
        print("Error: " + told["detail"], "  try: another line", "  code: join_refused", sep="\n", file=sys.stderr)
        return 6
    (home / "secrets/tls").mkdir(parents=True)
    (home / "secrets/tls/ca.crt").write_text(authority)
    (home / "membership.json").write_text(json.dumps({"head": [f"https://{line.netloc}"]}))
    return 0


def up():
    (home / "run").mkdir(exist_ok=True)
    os.chdir(home / "run")
    while (home / "slow").exists():
        time.sleep(0.05)
    Path("up").write_text(f"{os.getpid()} {sys.executable}")
    Path("agent.sock").unlink(missing_ok=True)
    door = socket.socket(socket.AF_UNIX)
    door.bind("agent.sock")
    door.listen()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        caller, _ = door.accept()
        caller.recv(4096)
        told = home / "reachable"
        reachable = json.loads(told.read_text()) if told.exists() else True
        head = {"answers": True, "reachable": reachable, "unreachable_because": "no route to host"}
        body = json.dumps({"head": head}).encode()
        caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        caller.close()


def up_behind():
    """As whoever lets the service start waits for it."""
    end = time.monotonic() + float(sys.argv[sys.argv.index("--timeout") + 1])
    while time.monotonic() < end:
        if (home / "run/up").exists():
            print("dashboard  http://127.0.0.1:8000")
            return 0
        time.sleep(0.05)
    print("Error: it took too long", file=sys.stderr)
    return 1


match sys.argv[1:3]:
    case ["--version"]:
        print("cluster-ai")
    case ["agent", "join"]:
        sys.exit(join())
    case ["up", "--detach"]:
        sys.exit(up_behind())
    case ["up"]:
        up()
'''


def program(folder: Path, *, wheel: Path, healthy: bool = True, note: str = "") -> Path:
    """The tree of a small program whose environment is that one wheel."""
    for name in KEPT:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    shutil.copy(ROOT / "install_unified.sh", folder)
    put(folder / "cluster_ai/cli/main.py", f"# {note}\n{MAIN}")
    check = "import small\n" if healthy else "raise ImportError('libsmall.so: GLIBC_9.99 not found')\n"
    put(folder / "cluster_ai/nodes/bundle/health.py", check)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    put(folder / "requirements/runtime.lock", f"small==1 \\\n    --hash=sha256:{digest}\n")
    put(folder / "requirements/models.lock", "# none\n")
    put(folder / "requirements/bootstrap.lock", "# none\n")
    return folder


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def small_wheel(folder: Path) -> Path:
    path = folder / "small-1-py3-none-any.whl"
    facts = {
        "small.py": "there = True\n",
        "small-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: small\nVersion: 1\n",
        "small-1.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    names = "".join(f"{name},,\n" for name in (*facts, "small-1.dist-info/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (facts | {"small-1.dist-info/RECORD": names}).items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text)
    return path


def uv_wheel(folder: Path) -> Path:
    """The real uv, in a wheel like its own."""
    path = folder / "uv-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(ROOT / ".venv/bin/uv", "uv-1.data/scripts/uv")
    return path
