"""A changed configuration comes in force while streams go on; a broken one changes nothing."""

import asyncio
import json
import os
import signal

import pytest

from tests.fakes.fleet import FakeNode, Fleet
from tests.gateway.restart.clients import Stream, client, spread
from tests.gateway.restart.conftest import Stage, cli
from tests.waiting import until

pytestmark = [pytest.mark.real]


def reloaded(stage: Stage, *nodes: FakeNode, **settings: object) -> dict[str, list[str]]:
    """What ``cluster-ai reload`` says after the configuration was written anew."""
    stage.write(*nodes, **settings)
    done = cli(stage, "reload", "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["items"]
    return {name: value for name, value in found.items() if value and name != "pid"}


def names(stage: Stage) -> set[str]:
    return {row.name for row in stage.state().upstreams if row.state == "healthy"}


def test_nodes_come_and_go_under_streams(gateway: Stage, nodes: Fleet) -> None:
    pid, all_four = gateway.pid(), nodes.nodes

    async def run() -> list[Stream]:
        async with client() as session:
            streams = await spread(session, gateway.url, count=40, seconds=1, tokens=60)
            said = await asyncio.to_thread(reloaded, gateway, *all_four[:2])
            assert said == {"removed": ["fake-2", "fake-3"]}
            streams += await spread(session, gateway.url, count=20, seconds=1, tokens=20)
            return await asyncio.gather(*streams)

    assert all(one.is_whole for one in asyncio.run(run())), "also those of the nodes that were taken away"
    assert gateway.pid() == pid
    assert names(gateway) == {"fake-0", "fake-1"}
    assert all(node.counters().done for node in all_four), "each had streams when half of them were taken away"
    assert reloaded(gateway, *all_four) == {"added": ["fake-2", "fake-3"]}
    until(lambda: names(gateway) == {node.name for node in all_four}, seconds=5, what="they are seen")


def test_a_node_at_another_address_is_asked_there(gateway: Stage, nodes: Fleet) -> None:
    first, *_, last = nodes.nodes
    gateway.home.config.write_text(
        "\n".join(
            [
                "[gateway]",
                "find_local_ollama = false",
                "probe_seconds = 0.2",
                f'upstreams = [{{name="{first.name}", url="{last.url}"}}]',
                "[node]",
                "enabled = false",
                "[compute]",
                "workers = 0",
                "",
            ]
        )
    )
    said = json.loads(cli(gateway, "reload", "--json").stdout)["items"][0]
    assert said["changed"] == [first.name]
    until(lambda: names(gateway) == {first.name}, what="the node is seen at its new address")
    assert [row.url for row in gateway.state().upstreams] == [last.url]


def test_what_needs_a_restart_is_named_and_the_rest_is_in_force(gateway: Stage, nodes: Fleet) -> None:
    said = reloaded(gateway, *nodes.nodes, aliases={"fast": ["smollm2:135m"]}, total_seconds=77)
    assert said == {"settings": ["aliases"], "after_restart": ["total_seconds"]}
    # Asked again, it says so again: it is still not in force.
    assert reloaded(gateway, *nodes.nodes, aliases={"fast": ["smollm2:135m"]}, total_seconds=77) == {
        "after_restart": ["total_seconds"]
    }
    status, answer = gateway.post("/api/chat", {"model": "fast", "messages": [], "stream": False})
    assert status == 200, answer


def test_a_broken_configuration_changes_nothing_and_says_why(gateway: Stage, nodes: Fleet) -> None:
    gateway.home.config.write_text(gateway.home.config.read_text().replace("probe_seconds = 0.2", "probe_seconds = -1"))
    done = cli(gateway, "reload")
    assert done.returncode != 0
    assert "probe_seconds" in done.stderr
    # A signal has nobody to tell but the log.
    os.kill(gateway.pid(), signal.SIGHUP)
    until(lambda: "the old configuration stays" in gateway.log(), what="the reason is logged")
    assert names(gateway) == {node.name for node in nodes.nodes}


def test_sighup_reloads(gateway: Stage, nodes: Fleet) -> None:
    pid = gateway.pid()
    gateway.write(nodes.nodes[0])
    os.kill(pid, signal.SIGHUP)
    until(lambda: names(gateway) == {"fake-0"}, what="one node is left")
    assert gateway.pid() == pid


def test_nobody_reloads_over_the_network(gateway: Stage) -> None:
    assert gateway.post("/-/reload", {})[0] == 403
