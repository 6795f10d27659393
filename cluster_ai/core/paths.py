"""The one data directory: ``CLUSTER_AI_HOME``, else the user's XDG data directory."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PRIVATE_DIR = 0o700
PRIVATE_FILE = 0o600


def default_home(env: Mapping[str, str]) -> Path:
    """Where this user's cluster keeps its state."""
    if named := env.get("CLUSTER_AI_HOME"):
        return Path(named).expanduser().absolute()
    base = env.get("XDG_DATA_HOME")
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".local" / "share"
    return root / "cluster-ai"


@dataclass(frozen=True, slots=True)
class Home:
    """Names of what lies in the data directory. Nothing is created until ``make`` is called."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.toml"

    @property
    def membership(self) -> Path:
        """Which cluster this machine has joined, when it is no head itself."""
        return self.root / "membership.json"

    @property
    def data(self) -> Path:
        """The database and what must be backed up."""
        return self.root / "data"

    @property
    def database(self) -> Path:
        return self.data / "cluster.db"

    @property
    def models(self) -> Path:
        """GGUF files made on this machine; can be made again."""
        return self.root / "models"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def authority(self) -> Path:
        """The key of the cluster's own CA, on its head alone."""
        return self.secrets / "ca"

    @property
    def tls(self) -> Path:
        """This machine's certificate."""
        return self.secrets / "tls"

    @property
    def run(self) -> Path:
        """Pid files, sockets and state of the running cluster; worthless after a reboot."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def logs_store(self) -> Path:
        """What is searched of them: a file of its own, which may be removed while nothing runs."""
        return self.logs / "store.db"

    @property
    def scratch(self) -> Path:
        """Dask's spill and the like."""
        return self.root / "scratch"

    @property
    def internal_token(self) -> Path:
        """What our own processes show each other on loopback."""
        return self.secrets / "internal.token"

    @property
    def alertmanager_token(self) -> Path:
        """What an Alertmanager shows when it brings alerts."""
        return self.secrets / "alertmanager.token"

    @property
    def objectives(self) -> Path:
        """People's files of objectives and freeze policies."""
        return self.root / "slo"

    @property
    def freezes(self) -> Path:
        """What is frozen, for processes that have no database open."""
        return self.run / "freezes.json"

    @property
    def restoring(self) -> Path:
        """What a restore that has not ended is about to do; nothing else may touch the directory while it stands."""
        return self.root / "restoring.json"

    @property
    def backups(self) -> Path:
        """Where backups are written when no other folder is named."""
        return self.root / "backups"

    @property
    def backup_key(self) -> Path:
        """What opens them; worth nothing to anybody else, and they are worth nothing without it."""
        return self.secrets / "backup.key"

    @property
    def updating(self) -> Path:
        """What an update of the program that has not ended is about to do."""
        return self.root / "updating.json"

    @property
    def updated(self) -> Path:
        """How the last one ended."""
        return self.root / "updated.json"

    @property
    def before_update(self) -> Path:
        """The database as it was when an update that has not ended began."""
        return self.root / "before-update.db"

    def make(self) -> None:
        """Creates the directories, readable by their owner alone."""
        for folder in (self.root, self.data, self.models, self.secrets, self.run, self.logs, self.scratch):
            folder.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)

    def internal_secret(self) -> str:
        """The internal token; made by whichever process comes first."""
        return make_secret(self.internal_token, secrets.token_urlsafe(32))


def read_secret(path: Path) -> str:
    """The secret in ``path``, without its last newline."""
    return path.read_text(encoding="utf-8").strip()


def make_secret(path: Path, value: str) -> str:
    """Writes ``value`` to ``path`` unless it exists; answers what stands there. Two may race."""
    if path.exists():
        return read_secret(path)
    # It appears under its name only when it is whole: whoever loses the race must not read half of it.
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "w", encoding="utf-8") as file:
        file.write(value + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return read_secret(path)
    finally:
        draft.unlink()
    return value
