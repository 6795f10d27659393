"""``cluster-ai restart gateway`` as people call it."""

import pytest

from tests.gateway.restart.conftest import Open, Stage, cli

pytestmark = [pytest.mark.real]


def test_restart_says_which_processes_are_ready_now(stage: Open) -> None:
    gateway = stage(processes=2)
    before = {part.pid for part in gateway.parts()}
    done = cli(gateway, "restart", "gateway")
    assert done.returncode == 0, done.stderr
    now = {part.name: part.pid for part in gateway.parts()}
    assert not before & set(now.values())
    assert all(f"{name} is ready again (process {pid})" in done.stdout + done.stderr for name, pid in now.items())


def test_wrong_settings_are_told_before_anything_is_replaced(gateway: Stage) -> None:
    old = gateway.pid()
    gateway.home.config.write_text("[gateway\n")
    done = cli(gateway, "restart", "gateway")
    assert done.returncode != 0
    assert "config.toml, line 1" in done.stderr
    assert gateway.pid() == old
