"""What this machine grants to tickets, as its settings say."""

import contextlib
import os
import tomllib
from collections.abc import Mapping

from pydantic import Field, ValidationError
from pydantic_settings import SettingsConfigDict, SettingsError

from cluster_ai.core.environment import EnvironmentFirst
from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.paths import default_home
from cluster_ai.executors.failures import Failed
from cluster_ai.executors.sandbox.ladder import Ladder
from cluster_ai.executors.types import ExecutorSettings


class _Own(EnvironmentFirst):
    """The one slice of the settings that a child needs; the tree stands on a floor above."""

    model_config = SettingsConfigDict(extra="ignore")

    executors: ExecutorSettings = Field(default_factory=ExecutorSettings)


def own_settings(env: Mapping[str, str] | None = None) -> ExecutorSettings:
    """``[executors]`` of this machine's ``config.toml``, and ``CLUSTER_AI_EXECUTORS__*``, which win.

    Raises:
        Misconfigured: they cannot be read, or a value is wrong.
    """
    config = default_home(os.environ if env is None else env) / "config.toml"
    try:
        found = tomllib.loads(config.read_text(encoding="utf-8")).get("executors", {})
    except FileNotFoundError:
        found = {}
    except (OSError, ValueError) as exc:
        raise Misconfigured(f"{config} cannot be read: {exc}") from exc
    try:
        return _Own(executors=found).executors
    except (SettingsError, ValidationError) as exc:
        raise Misconfigured(f"[executors] of {config} is wrong: {exc}") from exc


def prepare() -> None:
    """Before copies of a process are made: finds out once what is the same for all of them."""
    with contextlib.suppress(Misconfigured, Failed):
        Ladder(own_settings()).rung()
