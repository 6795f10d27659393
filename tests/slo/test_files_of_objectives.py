"""Objectives in files: taken, changed, refused and forgotten as the files are."""

import os
from pathlib import Path

import pytest

from cluster_ai.core.errors import NotFound
from cluster_ai.slo.objectives import KeptInFile
from cluster_ai.slo.service import Service
from tests.slo.conftest import House, objective

ROOT = Path(__file__).parents[2]
FILE = """
apiVersion: openslo/v1
kind: SLO
metadata: {{name: {name}}}
spec:
  service: gateway
  indicator: {{metadata: {{name: x}}, spec: {{ratioMetric: {{counter: true, total: {{metricSource: {{type: cluster-ai, spec: {{source: gateway}}}}}}}}}}}}
  timeWindow: [{{duration: 7d, isRolling: true}}]
  budgetingMethod: Occurrences
  objectives: [{{target: {target}}}]
---
apiVersion: cluster-ai/v1
kind: FreezePolicy
metadata: {{name: {name}-freeze}}
spec: {{name: F, scope: SERVICE, target: gateway, actions: [BLOCK_PULL]}}
"""


def put(house: House, name: str, text: str) -> None:
    path = house.folder / name
    path.write_text(text)
    # Two writes within one tick of the file system's clock would look like one.
    stamp = path.stat().st_mtime_ns + len(text) * 1_000_000
    os.utime(path, ns=(stamp, stamp))


def test_a_files_life(house: House) -> None:
    async def story(service: Service) -> None:
        put(house, "a.yaml", FILE.format(name="chat", target=0.9))
        await service.evaluate()
        view = await service.desk.objectives.get("chat")
        assert (view.objective.target, view.origin) == (0.9, "a.yaml")
        assert (await service.desk.policies.get("chat-freeze")).origin == "a.yaml"
        # What stands in a file is changed there.
        with pytest.raises(KeptInFile):
            await service.desk.objectives.remove("chat")
        with pytest.raises(KeptInFile):
            await service.desk.policies.remove("chat-freeze")
        put(house, "a.yaml", FILE.format(name="chat", target=0.95))
        await service.evaluate()
        assert (await service.desk.objectives.get("chat")).objective.target == 0.95
        # A bad file changes nothing, and is told once.
        put(house, "a.yaml", FILE.format(name="chat", target=7))
        for _ in range(3):
            await service.evaluate()
        assert (await service.desk.objectives.get("chat")).objective.target == 0.95
        assert house.types().count("slo.file_refused") == 1
        assert "target" in service.desk.files.problems["a.yaml"]
        # Mended, renamed, and gone.
        put(house, "a.yaml", FILE.format(name="chat", target=0.99))
        await service.evaluate()
        assert service.desk.files.problems == {}
        (house.folder / "a.yaml").rename(house.folder / "b.yml")
        await service.evaluate()
        assert (await service.desk.objectives.get("chat")).origin == "b.yml"
        (house.folder / "b.yml").unlink()
        await service.evaluate()
        with pytest.raises(NotFound):
            await service.desk.objectives.get("chat")
        with pytest.raises(NotFound):
            await service.desk.policies.get("chat-freeze")

    house.tell(story)


def test_two_files_do_not_fight_over_one_objective(sqlite_house: House) -> None:
    async def story(service: Service) -> None:
        put(sqlite_house, "a.yaml", FILE.format(name="chat", target=0.9))
        put(sqlite_house, "b.yaml", FILE.format(name="chat", target=0.8))
        await service.evaluate()
        assert (await service.desk.objectives.get("chat")).objective.target == 0.9
        assert "a.yaml" in service.desk.files.problems["b.yaml"]

    sqlite_house.tell(story)


def test_a_file_does_not_take_what_was_made_through_the_api(sqlite_house: House) -> None:
    async def story(service: Service) -> None:
        await service.desk.objectives.create(objective(target=0.5))
        put(sqlite_house, "a.yaml", FILE.format(name="chat", target=0.9))
        await service.evaluate()
        assert (await service.desk.objectives.get("chat")).objective.target == 0.5
        assert "API" in service.desk.files.problems["a.yaml"]

    sqlite_house.tell(story)


def test_what_files_said_before_a_restart_is_forgotten_with_them(sqlite_house: House) -> None:
    async def first(service: Service) -> None:
        put(sqlite_house, "a.yaml", FILE.format(name="chat", target=0.9))
        await service.evaluate()

    async def second(service: Service) -> None:
        await service.evaluate()
        assert service.picture.objectives == {}

    sqlite_house.tell(first)
    (sqlite_house.folder / "a.yaml").unlink()
    sqlite_house.tell(second)


def test_files_that_come_with_the_product_are_taken(sqlite_house: House) -> None:
    async def story(service: Service) -> None:
        examples = sorted((ROOT / "config/slo").glob("*.yaml"))
        assert examples
        for path in examples:
            (sqlite_house.folder / path.name).write_text(path.read_text())
        await service.evaluate()
        assert service.desk.files.problems == {}
        assert {"chat-availability", "chat-first-token"} <= set(service.picture.objectives)
        assert all(not view.warnings for view in await service.desk.objectives.all(_page()))

    sqlite_house.tell(story)


def _page() -> object:
    from cluster_ai.slo.tables import Page

    return Page()
