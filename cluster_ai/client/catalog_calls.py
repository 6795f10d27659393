"""The catalog's operations as values, as in ``calls``: ``client.send(catalog_calls.pulls())``. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote

from pydantic import Field

from cluster_ai.catalog.fit import FitView
from cluster_ai.catalog.search import EntryView
from cluster_ai.catalog.types import Pin, PullView, UnusedModels, Update
from cluster_ai.client.calls import API, Call, Listing, nothing
from cluster_ai.core.wire import Count, View

REGISTRY_SECONDS: Final = 150.0
"""A registry is asked meanwhile, and gives megabytes of a model's head."""
LOAD_SECONDS: Final = 920.0
T = TypeVar("T")


class Problem(View):
    """Something in people's own catalogue files that was left out."""

    file: str
    line: Count
    reason: str


class Found(View):
    """What the catalogue has. ``categories`` by key, in the reader's language."""

    items: tuple[EntryView, ...] = ()
    categories: dict[str, str] = Field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


class Fits(View):
    """The verdict for each node."""

    items: dict[str, FitView]


class Outcome(View):
    """What became of it at one node; ``error`` is empty where it was done."""

    node: str
    error: str = ""
    code: str = ""


def search(filters: Mapping[str, str]) -> Call[Found]:
    return Call("GET", f"{API}/catalog", Found.model_validate_json, query=filters)


def fit(model: str, *, context: int) -> Call[Fits]:
    path = f"{API}/catalog/{_segment(model)}/fit"
    return Call("GET", path, Fits.model_validate_json, query={"context": str(context)}, seconds=REGISTRY_SECONDS)


def begin_pull(model: str, *, nodes: Sequence[str] = (), fits: bool = False, one_node: bool = False) -> Call[PullView]:
    """``nodes``: all when none is named, with ``fits`` those where it fits, with ``one_node`` the roomiest."""
    body = {"model": model, "nodes": list(nodes), "fits": fits, "one_node": one_node}
    return Call("POST", f"{API}/pulls", PullView.model_validate_json, body=body, seconds=REGISTRY_SECONDS)


def pulls() -> Call[tuple[PullView, ...]]:
    return Call("GET", f"{API}/pulls", _list(PullView))


def pull(pull_id: str) -> Call[PullView]:
    return Call("GET", f"{API}/pulls/{_segment(pull_id)}", PullView.model_validate_json)


def steer(pull_id: str, verb: str, *, nodes: Sequence[str] = (), **more: bool) -> Call[PullView]:
    """``verb``: pause, resume or cancel; ``purge`` goes with cancel."""
    body = {"nodes": list(nodes), **more}
    path = f"{API}/pulls/{_segment(pull_id)}/{verb}"
    return Call("POST", path, PullView.model_validate_json, body=body, seconds=90.0)


def forget_pull(pull_id: str) -> Call[None]:
    return Call("DELETE", f"{API}/pulls/{_segment(pull_id)}", nothing)


def change(model: str, verb: str, *, nodes: Sequence[str] = (), **more: Any) -> Call[tuple[Outcome, ...]]:
    """``verb``: load, unload, pin or copy."""
    path = f"{API}/models/{_segment(model)}/{verb}"
    return Call("POST", path, _list(Outcome), body={"nodes": list(nodes), **more}, seconds=LOAD_SECONDS)


class Freed(View):
    """Where a model was removed, and the bytes that each node has back."""

    nodes: tuple[str, ...] = ()
    freed: dict[str, Count] = Field(default_factory=dict)


def remove(model: str, nodes: Sequence[str]) -> Call[Freed]:
    """From every node that has it when none is named."""
    query = {"node": list(nodes)} if nodes else {}
    path = f"{API}/models/{_segment(model)}"
    return Call("DELETE", path, Freed.model_validate_json, query=query, seconds=75.0)


def unpin(model: str) -> Call[None]:
    return Call("POST", f"{API}/models/{_segment(model)}/unpin", nothing, body={})


def pins() -> Call[tuple[Pin, ...]]:
    return Call("GET", f"{API}/pins", _list(Pin))


def unused(days: int) -> Call[UnusedModels]:
    """The nodes are asked for their lists."""
    return Call("GET", f"{API}/unused", UnusedModels.model_validate_json, query={"days": str(days)}, seconds=75.0)


def updates() -> Call[tuple[Update, ...]]:
    return Call("GET", f"{API}/updates", _list(Update), seconds=REGISTRY_SECONDS)


def update(models: Sequence[str]) -> Call[tuple[PullView, ...]]:
    """Every model that is out of date when none is named."""
    body = {"models": list(models)}
    return Call("POST", f"{API}/updates", _list(PullView), body=body, seconds=REGISTRY_SECONDS)


def _list(of: type[T]) -> Callable[[bytes], tuple[T, ...]]:
    listing = Listing[of]  # type: ignore[valid-type]
    return lambda body: listing.model_validate_json(body).items


def _segment(name: str) -> str:
    return quote(name, safe="")
