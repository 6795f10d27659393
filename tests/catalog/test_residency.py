"""Who has what: deletions, other digests and lost memory are seen with the next report."""

from cluster_ai.catalog.residency import Change, Residency
from cluster_ai.catalog.types import Holding


def has(node: str, *models: str, digest: str = "d", loaded: bool = False) -> list[tuple[str, Holding]]:
    return [(name, Holding(node=node, digest=digest, size=7, loaded=loaded)) for name in models]


def test_the_first_report_is_no_news() -> None:
    residency = Residency()
    assert residency.heard("a", has("a", "m:1")) == ()
    assert residency.holders("m:1") == ("a",)


def test_what_is_gone_or_replaced_is_seen_with_the_next_report() -> None:
    residency = Residency()
    residency.heard("a", has("a", "m:1", "n:1"))
    (gone,) = residency.heard("a", has("a", "m:1"))
    assert (gone.change, gone.model, gone.before) == (Change.GONE, "n:1", "d")
    (other,) = residency.heard("a", has("a", "m:1", digest="e"))
    assert (other.change, other.before, other.after) == (Change.REPLACED, "d", "e")
    assert residency.holders("m:1", digest="d") == ()


def test_a_node_that_is_away_keeps_its_disk_and_loses_its_memory() -> None:
    residency = Residency()
    residency.follow({"a": has("a", "m:1", loaded=True), "b": has("b", "m:1")})
    assert residency.loaded("m:1") == ("a",)
    (lost,) = residency.follow({"a": None, "b": has("b", "m:1")})
    assert lost.change is Change.UNLOADED
    assert residency.loaded("m:1") == ()
    # Those that are up come first.
    assert residency.holders("m:1") == ("b", "a")


def test_a_node_that_left_is_forgotten_and_its_return_is_a_first_report() -> None:
    residency = Residency()
    residency.follow({"a": has("a", "m:1")})
    assert residency.follow({}) == ()
    assert residency.holders("m:1") == ()
    assert residency.follow({"a": has("a", "n:1")}) == ()


def test_models_that_differ_between_nodes_are_named() -> None:
    residency = Residency()
    residency.follow(
        {"a": has("a", "m:1"), "b": has("b", "m:1"), "c": has("c", "m:1", digest="old"), "d": has("d", "n:1")}
    )
    assert residency.disagreeing() == ("m:1",)
    assert residency.digests("m:1") == {"d": ("a", "b"), "old": ("c",)}
