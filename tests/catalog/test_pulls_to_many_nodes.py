"""One model for several nodes: the library gives it once, the nodes give it on, and nobody's fault is everybody's."""

import asyncio

import pytest

from cluster_ai.catalog.planning import SPARE_DISK
from cluster_ai.catalog.service import Pulls
from cluster_ai.catalog.types import DiskTooSmall, PullState
from cluster_ai.core.errors import Forbidden, NotFound
from cluster_ai.engines.gguf_check import BrokenModel
from tests.catalog.conftest import Cluster, ended, once, states, wanted
from tests.catalog.fake_library import digest_of, noise
from tests.engines.gguf_bytes import model as gguf
from tests.engines.gguf_bytes import word

S = PullState
SIZE = 3 * 1024 * 1024
MODEL = noise(SIZE)


def test_the_library_gives_each_blob_once_and_the_nodes_give_it_on(cluster: Cluster) -> None:
    digest = cluster.library.add("tiny", "1b", MODEL)

    async def story(pulls: Pulls) -> None:
        view = await pulls.create(wanted(), by="ana")
        view = await ended(pulls, view.id)
        assert states(view) == {"a": S.DONE, "b": S.DONE, "c": S.DONE}
        assert sorted(part.source for part in view.parts) == ["library", "node", "node"]
        assert [part.completed for part in view.parts] == [view.size] * 3

    cluster.tell(story)
    assert {node.holdings()[0][1].digest for node in cluster.nodes.values()} == {digest}
    assert cluster.library.served == {name: len(data) for name, data in cluster.library.blobs.items()}
    assert set(cluster.library.asked.values()) == {1}


def test_one_disk_full_one_cut_in_the_middle_then_resumed(cluster: Cluster) -> None:
    cluster.library.add("tiny", "1b", MODEL)
    cluster.nodes["a"].room = SIZE // 2
    cluster.nodes["b"].cut_after = SIZE // 3
    cluster.copies = False

    async def story(pulls: Pulls) -> None:
        view = await pulls.create(wanted(), by="ana")
        view = await ended(pulls, view.id)
        assert states(view) == {"a": S.FAILED, "b": S.DONE, "c": S.DONE}
        assert "no space left" in view.parts[0].error
        assert view.parts[1].attempts == 2
        # Nothing of it is installed where it failed.
        assert cluster.nodes["a"].holdings() == ()
        cluster.nodes["a"].room = 10 * SIZE
        await pulls.resume(view.id)
        assert states(await ended(pulls, view.id)) == {"a": S.DONE, "b": S.DONE, "c": S.DONE}

    cluster.tell(story)
    for node in cluster.nodes.values():
        assert node.shelf.blob(digest_of(MODEL)).read_bytes() == MODEL
        assert not [name for name in node.files() if not name[-1].isalnum() or "-partial" in name or "-copy" in name]
    # Two went on from where they were; the others began with nothing.
    again = sorted(int(asked[6:-1]) for asked in cluster.library.ranges if not asked.startswith("bytes=0-"))
    assert len(again) == 2
    assert again[0] >= SIZE // 3
    assert again[1] <= SIZE // 2


def test_a_disk_that_is_known_to_be_full_gets_no_byte(cluster: Cluster) -> None:
    cluster.library.add("tiny", "1b", MODEL)
    cluster.disks = {"a": SPARE_DISK + SIZE // 2, "b": SPARE_DISK + 2 * SIZE}

    async def story(pulls: Pulls) -> None:
        view = await ended(pulls, (await pulls.create(wanted("tiny:1b", "a", "b"), by="ana")).id)
        assert states(view) == {"a": S.FAILED, "b": S.DONE}
        assert view.parts[0].code == "disk_too_small"
        with pytest.raises(DiskTooSmall, match="a: 3 MiB to fetch, 1 MiB"):
            await pulls.create(wanted("tiny:1b", "a"), by="ana")

    cluster.tell(story)
    assert cluster.nodes["a"].pulls == 0
    assert cluster.nodes["a"].files() == set()


def test_for_one_node_it_is_the_roomiest_and_afterwards_whoever_has_it(cluster: Cluster) -> None:
    cluster.library.add("tiny", "1b", MODEL)
    cluster.disks = {"a": SPARE_DISK + 2 * SIZE, "b": SPARE_DISK + 9 * SIZE, "c": SPARE_DISK + 3 * SIZE}

    async def story(pulls: Pulls) -> None:
        view = await ended(pulls, (await pulls.create(wanted(one_node=True), by="ana")).id)
        assert states(view) == {"b": S.DONE}
        cluster.disks = {"a": SPARE_DISK + 99 * SIZE}
        cluster.library.add("tiny", "1b", noise(SIZE, seed=9))
        view = await ended(pulls, (await pulls.create(wanted(one_node=True), by="ana")).id)
        assert states(view) == {"b": S.DONE}

    cluster.tell(story)
    assert cluster.nodes["b"].pulls == 2
    assert cluster.nodes["a"].pulls == 0


def test_a_giver_that_breaks_off_is_left_for_the_library(cluster: Cluster) -> None:
    cluster.library.add("tiny", "1b", MODEL)

    async def story(pulls: Pulls) -> None:
        await ended(pulls, (await pulls.create(wanted("tiny:1b", "a"), by="ana")).id)
        cluster.nodes["a"].shelf.blob(digest_of(MODEL)).unlink()
        view = await ended(pulls, (await pulls.create(wanted("tiny:1b", "b"), by="ana")).id)
        assert [(part.state, part.source) for part in view.parts] == [(S.DONE, "library")]

    cluster.tell(story)


def test_a_giver_that_gives_something_else_is_found_out(cluster: Cluster) -> None:
    cluster.library.add("tiny", "1b", MODEL)

    async def story(pulls: Pulls) -> None:
        await ended(pulls, (await pulls.create(wanted("tiny:1b", "a"), by="ana")).id)
        cluster.nodes["a"].shelf.blob(digest_of(MODEL)).write_bytes(noise(SIZE, seed=8))
        await ended(pulls, (await pulls.create(wanted("tiny:1b", "b"), by="ana")).id)

    cluster.tell(story)
    assert cluster.nodes["b"].shelf.blob(digest_of(MODEL)).read_bytes() == MODEL


def test_pause_keeps_what_came_and_resume_goes_on_from_there(cluster: Cluster) -> None:
    cluster.library.add("tiny", "1b", MODEL)
    cluster.library.pause = 0.02

    async def story(pulls: Pulls) -> None:
        view = await pulls.create(wanted("tiny:1b", "a"), by="ana")
        await once(pulls, view.id, lambda seen: seen.parts[0].completed > SIZE // 4)
        view = await pulls.pause(view.id)
        assert view.state is S.PAUSED
        part = (
            cluster.nodes["a"].shelf.blob(digest_of(MODEL)).with_name(f"{digest_of(MODEL).replace(':', '-')}-partial")
        )
        await asyncio.sleep(0.3)
        stopped = part.stat().st_size
        await asyncio.sleep(0.2)
        assert part.stat().st_size == stopped
        cluster.library.pause = 0.0
        await pulls.resume(view.id)
        assert (await ended(pulls, view.id)).state is S.DONE
        assert f"bytes={stopped}-" in cluster.library.ranges

    cluster.tell(story)


def test_cancel_tells_what_stays_and_purge_removes_it(cluster: Cluster) -> None:
    cluster.library.add("tiny", "1b", MODEL)
    cluster.library.pause = 0.02

    async def story(pulls: Pulls) -> None:
        view = await pulls.create(wanted("tiny:1b", "a"), by="ana")
        await once(pulls, view.id, lambda seen: seen.parts[0].completed > SIZE // 2)
        view = await pulls.cancel(view.id)
        assert (view.state, view.parts[0].status) == (S.CANCELLED, "1 MiB of it stay at the node")
        assert any("-partial" in name for name in cluster.nodes["a"].files())
        await pulls.resume(view.id)
        await once(pulls, view.id, lambda seen: seen.state is S.RUNNING)
        view = await pulls.cancel(view.id, purge=True)
        assert view.parts[0].status.endswith("MiB were removed")
        await pulls.remove(view.id)
        with pytest.raises(NotFound):
            await pulls.get(view.id)

    cluster.tell(story)
    assert not [name for name in cluster.nodes["a"].files() if "-partial" in name]
    assert cluster.nodes["a"].holdings() == ()


def test_a_restart_of_the_backend_goes_on(cluster: Cluster) -> None:
    cluster.library.add("tiny", "1b", MODEL)
    cluster.library.pause = 0.02
    begun: list[str] = []

    async def first(pulls: Pulls) -> None:
        view = await pulls.create(wanted(), by="ana")
        begun.append(view.id)
        await once(pulls, view.id, lambda seen: any(part.completed > SIZE // 4 for part in seen.parts))

    async def second(pulls: Pulls) -> None:
        assert states(await ended(pulls, begun[0])) == {"a": S.DONE, "b": S.DONE, "c": S.DONE}

    cluster.tell(first)
    cluster.library.pause = 0.0
    cluster.tell(second)
    assert cluster.library.served[digest_of(MODEL)] <= SIZE + 2 * 64 * 1024


def test_a_freeze_forbids_before_any_byte(cluster: Cluster) -> None:
    cluster.library.add("tiny", "1b", MODEL)
    cluster.frozen = "the error budget is used up"

    async def story(pulls: Pulls) -> None:
        with pytest.raises(Forbidden, match="error budget"):
            await pulls.create(wanted(), by="ana")

    cluster.tell(story)
    assert not cluster.library.asked
    assert sum(node.pulls for node in cluster.nodes.values()) == 0


def test_a_strangers_model_is_looked_at_before_any_node_sees_it(cluster: Cluster) -> None:
    lie = gguf(pairs=(word(b"general.architecture", b"llama"),), counts=(2**40, 1))
    cluster.library.add("bad", "1b", lie)
    manifest = cluster.library.manifests.pop("library/bad:1b")
    cluster.library.manifests["mallory/bad:1b"] = manifest

    async def story(pulls: Pulls) -> None:
        with pytest.raises(BrokenModel, match="tensors"):
            await pulls.create(wanted("mallory/bad:1b"), by="ana")

    cluster.tell(story)
    assert sum(node.pulls for node in cluster.nodes.values()) == 0


def test_a_registry_that_does_not_answer_the_head_may_answer_the_nodes(cluster: Cluster) -> None:
    cluster.library.add("tiny", "1b", MODEL)
    silent = cluster.library_url
    cluster.library_url = "http://127.0.0.1:1"

    async def story(pulls: Pulls) -> None:
        view = await ended(pulls, (await pulls.create(wanted(), by="ana")).id)
        assert (view.state, view.size) == (S.DONE, 0)
        # The digest was learned from the first node, and the others copied that very thing.
        assert sorted(part.source for part in view.parts) == ["library", "node", "node"]

    cluster.tell(story)
    cluster.library_url = silent


def test_progress_is_told_and_its_end_as_well(cluster: Cluster) -> None:
    cluster.library.add("tiny", "1b", MODEL)

    async def story(pulls: Pulls) -> None:
        await ended(pulls, (await pulls.create(wanted("tiny:1b", "a"), by="ana")).id)

    cluster.tell(story)
    heard = [view.state for view in cluster.told]
    assert heard[0] is S.QUEUED
    assert S.RUNNING in heard
    assert heard[-1] is S.DONE
    # Dozens of records came from the node; told is what a second has.
    assert len(heard) < 20


def test_a_node_that_is_down_is_waited_for(cluster: Cluster) -> None:
    cluster.library.add("tiny", "1b", MODEL)
    cluster.down = {"b"}

    async def story(pulls: Pulls) -> None:
        view = await pulls.create(wanted("tiny:1b", "a", "b"), by="ana")
        view = await once(pulls, view.id, lambda seen: states(seen)["a"] is S.DONE)
        assert states(view)["b"] is S.QUEUED
        cluster.down = set()
        assert (await ended(pulls, view.id)).state is S.DONE

    cluster.tell(story)


def test_what_is_nowhere_is_not_begun(cluster: Cluster) -> None:
    async def story(pulls: Pulls) -> None:
        with pytest.raises(NotFound, match="no model nothing:1b"):
            await pulls.create(wanted("nothing:1b"), by="ana")
        with pytest.raises(NotFound, match="no node is called z"):
            await pulls.create(wanted("tiny:1b", "z"), by="ana")
        assert await pulls.all() == ()

    cluster.tell(story)
