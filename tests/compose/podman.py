"""A podman that keeps all it has in one folder, and its socket in a network of its own."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lan.commands import do
from tests.lan.root import root
from tests.waiting import until

ROOT = Path(__file__).parents[2]
PROJECT = "cluster-ai-tried"
BASE = "localhost/cluster-ai-base:1"
IMAGE = "localhost/cluster-ai:latest"
FACTS: dict[str, str] = {}
"""What docs/how-to/compose.md tells."""
CONTAINERS = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
exit_command_delay = 1
tmp_dir = "{folder}/state"
[network]
network_config_dir = "{folder}/networks"
"""
"""The limits are those that a box without CAP_SYS_RESOURCE may give."""
STORAGE = '[storage]\ndriver = "{driver}"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
OF_THIS_BOX = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf", "/etc/npmrc")
"""How its own installers find what they fetch."""


@dataclass(frozen=True)
class Podman:
    folder: Path
    space: str

    @property
    def env(self) -> dict[str, str]:
        (self.folder / "tmp").mkdir(exist_ok=True)
        own = {
            "CONTAINERS_CONF": f"{self.folder}/containers.conf",
            "CONTAINERS_STORAGE_CONF": f"{self.folder}/storage.conf",
            "TMPDIR": f"{self.folder}/tmp",
            "DOCKER_HOST": f"unix://{self.folder}/api.sock",
            "COMPOSE_PROJECT_NAME": PROJECT,
        }
        return {**os.environ, **own}

    def run(self, *words: str | Path, seconds: float = 60) -> str:
        return self.do("podman", *words, seconds=seconds)

    def there(self, *words: str, seconds: float = 60) -> str:
        """As ``run``, for what touches containers of the host's network: they have that of whoever calls."""
        return self.do("nsenter", f"--net=/run/netns/{self.space}", "podman", *words, seconds=seconds)

    def asked(self, url: str, given: object = None, *more: str | Path, seconds: float = 60) -> str:
        """The answer of an address in the cluster's network; ``more`` goes to curl."""
        body = ["-H", "content-type: application/json", "--data", json.dumps(given)] if given is not None else []
        return do(["curl", "-sS", "--fail", *body, *more, url], space=self.space, seconds=seconds)

    def do(self, *words: str | Path, seconds: float) -> str:
        done = subprocess.run(
            list(map(str, words)), cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=seconds,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.returncode}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout


@dataclass(frozen=True)
class Stack:
    """What one Compose file starts, by the real program, with what a box of tests needs beside it."""

    engine: Podman
    file: Path
    """Its folder is the project's."""
    override: str

    def compose(self, *words: str, seconds: float = 60) -> str:
        beside = self.engine.folder / f"beside-{self.file.name}"
        beside.write_text(self.override)
        files = ("-f", self.file, "-f", beside, "--project-directory", self.file.parent)
        return self.engine.do("docker-compose", *files, *words, seconds=seconds)

    def inside(self, service: str, *words: str) -> str:
        """What a command in a service's container wrote."""
        # Compose's own exec goes through the socket and leaves a watcher behind for minutes.
        return self.engine.there("exec", f"{PROJECT}-{service}-1", *words)


@contextmanager
def podman(folder: Path) -> Iterator[Podman]:
    """Ends with nothing of it left: containers, mounts, the network, and the folder."""
    one = Podman(folder, f"compose-{os.getpid()}")
    (folder / "containers.conf").write_text(CONTAINERS.format(folder=folder))
    # A folder on an overlay cannot carry another.
    kind = do(["stat", "--file-system", "--format", "%T", folder]).strip()
    driver = "vfs" if kind == "overlayfs" else "overlay"
    (folder / "storage.conf").write_text(STORAGE.format(folder=folder, driver=driver))
    do(["ip", "netns", "add", one.space])
    try:
        do(["ip", "-n", one.space, "link", "set", "lo", "up"])
        with _served(one):
            yield one
    finally:
        do(["ip", "netns", "del", one.space])
        shutil.rmtree(folder)


@contextmanager
def _served(one: Podman) -> Iterator[None]:
    """Its socket, whose containers' ``host`` network is the namespace. ``ip netns exec`` would hide control groups."""
    socket = one.folder / "api.sock"
    words = ["nsenter", f"--net=/run/netns/{one.space}", "podman", "system", "service", "--time=0", f"unix://{socket}"]
    with (
        (one.folder / "service.log").open("wb") as log,
        subprocess.Popen(words, env=one.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process,
    ):
        try:
            until(socket.exists, what="podman's socket is there")
            yield
        finally:
            one.run("rm", "--all", "--force", "--volumes", "--time", "5", seconds=120)
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
            _unmount(one.folder)


def _unmount(folder: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((path for path in mounts if path.startswith(f"{folder}/")), reverse=True):
        do(["umount", "--lazy", mount])


def make_base(one: Podman) -> None:
    """An image of a bare Debian, in place of one that would have to be fetched, with this box's way to the indexes."""
    context = one.folder / "base"
    context.mkdir()
    lines = [f"FROM {BASE}-bare"]
    for number, path in enumerate(path for path in map(Path, OF_THIS_BOX) if path.is_file()):
        shutil.copy(path, context / str(number))
        lines.append(f"COPY {number} {path}")
    lines.extend(f"ENV {name}={os.environ[name]}" for name in sorted(os.environ) if name in SAID)
    (context / "Dockerfile").write_text("\n".join([*lines, ""]))
    import_root(one, root(), f"{BASE}-bare")
    one.run("build", "--isolation=chroot", "--tag", BASE, context, seconds=120)


def import_root(one: Podman, folder: Path, name: str) -> None:
    """A system's folder as an image."""
    archive = one.folder / "base.tar"
    do(["tar", "-C", folder, "--exclude=./proc/*", "--exclude=./sys/*", "-cf", archive, "."], seconds=900)
    one.run("import", archive, name, seconds=300)
    archive.unlink()


SAID = {"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "PIP_INDEX_URL", "HTTPS_PROXY"}


def make_image(one: Podman) -> int:
    """The image of ``docker-compose.yml``, by its Dockerfile; its size in bytes."""
    one.run(
        "build", "--isolation=chroot", "--network=host", "--format=docker", "--build-arg", f"BASE_IMAGE={BASE}",
        "--target", "cluster", "--tag", IMAGE, ROOT, seconds=1500,
    )  # fmt: skip
    return int(json.loads(one.run("image", "inspect", IMAGE))[0]["Size"])
