"""What this machine grants to tickets, and the means that its executors work with."""

import contextlib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.paths import default_home
from cluster_ai.executors.failures import Failed
from cluster_ai.executors.means import Means
from cluster_ai.executors.sandbox.cell import Cell
from cluster_ai.executors.sandbox.ladder import Ladder
from cluster_ai.executors.stopping import Stop
from cluster_ai.executors.types import ExecutorSettings


class _Own(BaseSettings):
    """The one slice of the settings that a child needs; the tree stands on a floor above."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_prefix="CLUSTER_AI_", env_nested_delimiter="__", validate_default=True
    )

    executors: ExecutorSettings = Field(default_factory=ExecutorSettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is the library's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings


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


class Machine:
    """The means of one attempt after the other. What a sandbox needs is looked for once, not with each of them."""

    def __init__(self, settings: ExecutorSettings) -> None:
        self.settings = settings
        self._ladders: dict[Path, Ladder] = {}

    def means(self, stop: Stop, folder: Path) -> Means:
        """For the ticket in ``folder``. No sandbox shows the tickets' folders nor the data directory."""
        near = folder.parent
        if near not in self._ladders:
            self._ladders = {near: Ladder(self.settings, hidden=(near, default_home(os.environ)))}
        return Means(self.settings, stop, Cell(self.settings, stop, self._ladders[near]))
