"""What listens, what is left behind, and two clusters on one box."""

import os
import signal
import stat
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.cluster.conftest import ROOT, Cluster, running, until

pytestmark = [pytest.mark.real]


def family(cluster: Cluster) -> list[psutil.Process]:
    head = psutil.Process(cluster.status().pid)
    return [head, *head.children(recursive=True)]


def test_listening_sockets_are_the_declared_ones(cluster: Cluster) -> None:
    ports = cluster.ports
    declared = {
        ports.backend, ports.gateway, ports.node, ports.grpc, ports.scheduler, ports.dask_dashboard,
        ports.worker(0), ports.nanny(0),
    }  # fmt: skip
    listening = {
        # gRPC listens with sockets of version 6 for addresses of version 4, too.
        (connection.laddr.ip.removeprefix("::ffff:"), connection.laddr.port)
        for process in family(cluster)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {("127.0.0.1", port) for port in declared}


def test_nothing_private_can_be_read_by_others(cluster: Cluster) -> None:
    for folder in ("secrets", "data", "run", "logs"):
        mode = stat.S_IMODE((cluster.home / folder).stat().st_mode)
        assert mode & 0o077 == 0, f"{folder}: {mode:o}"
    for secret in (cluster.home / "secrets").rglob("*"):
        assert stat.S_IMODE(secret.stat().st_mode) & 0o077 == 0, secret


def test_no_secret_is_in_an_argument_list_or_a_log(cluster: Cluster) -> None:
    secrets = [
        path.read_text(encoding="utf-8", errors="ignore").strip()
        for path in (cluster.home / "secrets").rglob("*")
        if path.is_file() and path.stat().st_size
    ]
    assert len(secrets) > 3
    shown = [" ".join(process.cmdline()) for process in family(cluster)]
    shown += [path.read_text(encoding="utf-8", errors="ignore") for path in (cluster.home / "logs").glob("*.log*")]
    for secret in secrets:
        assert not any(secret in text for text in shown)


def test_two_clusters_side_by_side_and_a_clean_stop(cluster: Cluster, tmp_path: Path) -> None:
    with running(tmp_path / "second") as second:
        assert second.base != cluster.base
        members = family(second)
        assert second.models() == cluster.models()
        began = time.monotonic()
        assert second.cli("down").returncode == 0
        took = time.monotonic() - began
        _, alive = psutil.wait_procs(members, timeout=2)
        assert not alive
        print(f"stopped in {took:.1f} s")
    assert cluster.models(), "the first cluster goes on"


def test_killed_supervisor_leaves_nothing_and_can_be_started_again(tmp_path: Path) -> None:
    with running(tmp_path / "home") as cluster:
        members = family(cluster)
        os.kill(members[0].pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(members, timeout=15)
        assert not alive, [" ".join(process.cmdline()) for process in alive]
        up = cluster.start("up")
        try:
            cluster.wait_ready()
        finally:
            assert cluster.cli("down").returncode == 0
            up.communicate(timeout=15)
        until(lambda: up.poll() is not None, seconds=5, what="the supervisor ended")


def test_every_metric_is_explained(cluster: Cluster) -> None:
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    found = set()
    for url in (cluster.api, cluster.gateway, cluster.node):
        request = urllib.request.Request(f"{url}/metrics", headers={"Authorization": f"Bearer {cluster.token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read().decode()
        found |= {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE cluster_ai_")}
    # A counter's time of creation and a histogram's are the format's own.
    named = {name for name in found if not name.endswith("_created")}
    assert len(named) > 15
    assert {name for name in named if f"`{name}`" not in page} == set()
