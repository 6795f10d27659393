"""What every test shares."""

import gc
import logging
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import psutil
import pytest
from blockbuster import BlockBuster
from hypothesis import settings
from tornado.util import TimeoutError as TornadoTimeout

from cluster_ai.core.garbage import kept
from tests.order import Together, begins

pytest_plugins = ["tests.databases"]

LEAKING: Final = frozenset({"socket.__new__", "subprocess.Popen"})
"""What the interpreter tells of whoever makes something that must be closed; every event loop has a socket, too."""
SLOW_LOOK: Final = 0.01
"""Seconds."""
MAY_BLOCK: Final = (
    # At the start and the end, when nobody waits for the loop.
    ("cluster_ai/accounts/opening.py", {"open_vault"}),
    ("cluster_ai/accounts/first.py", {"ensure_admin"}),
    ("cluster_ai/core/db.py", {"open_database", "_sqlite", "_postgresql"}),
    ("cluster_ai/core/migrate.py", {"upgrade"}),
    ("cluster_ai/core/sockets.py", {"listening_in", "sweep"}),
    ("cluster_ai/tui/app.py", {"__init__"}),
    ("cluster_ai/client/aio.py", {"__init__"}),
    ("cluster_ai/core/i18n.py", {"texts"}),
    ("cluster_ai/engines/catalog.py", {"smollm_file"}),
    # Dask looks up what is installed when a client connects: uname(1), the packages.
    ("distributed/versions.py", {"get_versions"}),
    # Three times access(2) for a group of commits, on a folder that the kernel holds in memory.
    ("cluster_ai/core/db.py", {"_refuse_read_only"}),
    # Reads of /proc, which is no disk; once for each route; lines of the log, which a pipe takes.
    ("prometheus_client/process_collector.py", {"collect"}),
    ("fastapi/routing.py", {"_extract_endpoint_context"}),
    ("logging/__init__.py", {"emit"}),
    ("structlog/_output.py", {"msg"}),
    # The story of a mistake, with its source lines.
    ("structlog/dev.py", {"__call__"}),
)
"""File and functions that may hold the loop, and why."""


# How long an example takes says more about what else the machine does than about us.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# A shell starts what runs in the background with Ctrl-C ignored, and so would be all that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first: at the end nothing but small files is waited for, by all that run tests at a time."""
    items.sort(key=begins)
    if twice := [name for name, count in Counter(item.nodeid for item in items).items() if count > 1]:
        # Processes that share the tests out by name would run one of them.
        raise pytest.UsageError(f"several tests of one name: {', '.join(twice[:5])}")


# Unknown where the tests run in one process.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together | None:
    return Together(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported for the tests stays: to search it for garbage again and again took a fifth of their import."""
    with kept():
        return (yield)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    """Every process that a test started has ended when the last one is done."""
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    yield
    left = [process for process in psutil.Process().children(recursive=True) if process.pid not in before]
    _, alive = psutil.wait_procs(left, timeout=5)
    assert not alive, [" ".join(process.cmdline()) for process in alive]


@pytest.fixture(scope="session", autouse=True)
def nothing_blocks_a_loop() -> Iterator[None]:
    """Code of ours that sleeps, reads a file or waits for a socket on a running loop is told so by an exception."""
    watch = BlockBuster(["cluster_ai", "backend"])
    for name, function in watch.functions.items():
        # Whether a lock is held just now is chance: libraries hold theirs for microseconds.
        if not name.startswith("threading.Lock"):
            function.activate()
        for file, functions in MAY_BLOCK:
            function.can_block_in(file, functions)
    yield
    watch.deactivate()


class Witness(logging.Handler):
    """Sees sockets and processes being made, and what asyncio complains of."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.made = 0
        self.set_aside = False
        self.complaints: list[str] = []

    def see(self, event: str, _args: tuple[Any, ...]) -> None:
        if event in LEAKING:
            self.made += 1

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and isinstance(record.exc_info[1], TornadoTimeout):
            # Dask's own time limits: it drops the future of a connection that it gave up.
            return
        self.complaints.append(self.format(record))

    def look(self) -> None:
        """Has leaks reported now, if there can be any: pytest makes errors of what comes up in the collector."""
        if self.made:
            began = time.perf_counter()
            gc.collect()
            if time.perf_counter() - began > SLOW_LOOK:
                # What the tests of a file share is large: it is looked through at the end, not after each of them.
                gc.freeze()
                self.set_aside = True
        self._end()

    def last_look(self) -> None:
        """The same for what the tests of a file share."""
        if self.set_aside:
            gc.unfreeze()
        gc.collect()
        # What is left was imported meanwhile, or is pytest's own: looking through it again after each test took a
        # third of all tests' time.
        gc.freeze()
        self.set_aside = False
        self._end()

    def _end(self) -> None:
        """
        Raises:
            AssertionError: asyncio complained, of a task that nobody waited for or of an error that nobody took.
        """
        self.made = 0
        complaints, self.complaints = self.complaints, []
        assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="session")
def witness() -> Iterator[Witness]:
    seeing = Witness()
    sys.addaudithook(seeing.see)
    logging.getLogger("asyncio").addHandler(seeing)
    # What was imported stays: the collector need not look through it after each test.
    gc.collect()
    gc.freeze()
    yield seeing
    gc.unfreeze()
    logging.getLogger("asyncio").removeHandler(seeing)


@pytest.fixture(scope="module", autouse=True)
def module_leaves_nothing_open(witness: Witness) -> Iterator[None]:
    """The same for what the tests of a file share."""
    yield
    witness.last_look()


@pytest.fixture(autouse=True)
def nothing_is_left_open(witness: Witness) -> Iterator[None]:
    """A connection, socket, process or task that a test left to the garbage collector is reported in that test."""
    yield
    witness.look()
