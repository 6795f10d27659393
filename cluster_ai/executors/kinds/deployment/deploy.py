"""The executor of DEPLOY: plan, apply, look whether it is healthy, else go back."""

import fnmatch
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import Field, StringConstraints, model_validator

from cluster_ai.core.wire import StrictModel
from cluster_ai.executors.files import FileIn, beyond
from cluster_ai.executors.kind import (
    Cancelled,
    ExecutorSettings,
    Failed,
    Means,
    Order,
    Refusal,
    Result,
    Said,
    granted,
    read,
)
from cluster_ai.executors.kinds.compensate import value_of
from cluster_ai.executors.kinds.deployment.activating import Activator, Compose, ComposeProject, Nobody, Systemd, Unit
from cluster_ai.executors.kinds.deployment.health import Health, await_health, is_granted
from cluster_ai.executors.kinds.deployment.releases import Releases

_RELEASE: Final = re.compile(r"[0-9a-f]{16}")


class DeployParameters(StrictModel):
    """Files, the folder of their releases, and what uses them."""

    files: Annotated[tuple[FileIn, ...], Field(min_length=1, max_length=500)] = Field(description="The release.")
    to: Annotated[str, StringConstraints(pattern=r"^/[^\x00]+$", max_length=1024)] = Field(
        description="Folder of the releases, below one of `[executors] deploy_folders`; `current` in it is the link."
    )
    unit: Unit | None = Field(default=None, description="The systemd unit that uses the release.")
    compose: Compose | None = Field(default=None, description="The compose project that uses the release.")
    health: Health | None = Field(default=None, description="How one knows that it is healthy.")
    keep: Annotated[int, Field(ge=1, le=100)] = Field(default=5, description="Releases that stay on the disk.")
    dry_run: bool = Field(default=False, description="Says what would change, and changes nothing.")

    @model_validator(mode="after")
    def _has_one_user(self) -> Self:
        if ".." in Path(self.to).parts:
            raise ValueError("to must have no ..")
        if self.unit is not None and self.compose is not None:
            raise ValueError("either unit or compose may be given")
        wanted = self.unit.file if self.unit else self.compose.file if self.compose else None
        plain = {file.path for file in self.files if not file.unpack}
        if wanted is not None and wanted not in plain and not any(file.unpack for file in self.files):
            raise ValueError(f"no file of the release is called {wanted}")
        return self


class Deploy:
    """Done twice it is as done once: the ticket's key names the release."""

    kind: ClassVar[str] = "DEPLOY"
    parameters: ClassVar = DeployParameters
    is_idempotent: ClassVar[bool] = True
    can_compensate: ClassVar[bool] = True

    def __init__(self, means: Means) -> None:
        self._means = means

    @staticmethod
    def refusals(parameters: DeployParameters, settings: ExecutorSettings) -> Iterator[Refusal]:
        real = Path(os.path.realpath(parameters.to))
        if not any(real.is_relative_to(os.path.realpath(folder)) for folder in settings.deploy_folders):
            yield "to", f"{parameters.to} is in no folder of [executors] deploy_folders"
        for source in beyond(parameters.files, settings):
            yield "files", f"{source} is in no folder of [executors] inputs"
        if parameters.unit and not _fits(parameters.unit.name, settings.deploy_units):
            yield "unit.name", f"{parameters.unit.name} fits nothing in [executors] deploy_units"
        if parameters.compose and not _fits(parameters.compose.project, settings.deploy_projects):
            yield "compose.project", f"{parameters.compose.project} fits nothing in [executors] deploy_projects"
        if parameters.health and not is_granted(parameters.health, settings):
            yield "health", f"{parameters.health.asked} is not on this machine nor in [executors] reach"

    def run(self, order: Order, folder: Path, said: Said) -> Result:
        parameters = read(DeployParameters, order.parameters)
        granted(self.refusals(parameters, self._means.settings))
        releases = Releases(Path(parameters.to))
        with releases.held():
            deployment = _Deployment(parameters, releases, _activator(parameters), self._means, said)
            return deployment.run(_name(order.key), folder)

    def compensate(self, order: Order, folder: Path, said: Said) -> Result:  # noqa: ARG002
        """Back to the release before, unless another one came after this."""
        parameters = read(DeployParameters, order.parameters)
        granted(self.refusals(parameters, self._means.settings))
        releases = Releases(Path(parameters.to))
        name = _deployed(order)
        with releases.held():
            if releases.current != name:
                releases.remove(name)
                return Result(ok=True, value={"release": releases.current, "note": "it was not the current release"})
            deployment = _Deployment(parameters, releases, _activator(parameters), self._means, said)
            previous = releases.remember(name, None)
            deployment.back(name, previous)
        return Result(ok=True, value={"release": previous, "undone": name})


def _deployed(order: Order) -> str:
    """The release that is undone: the one that the ticket said it made, else the one that its key names."""
    told = str(value_of(order).get("release", ""))
    return told if _RELEASE.fullmatch(told) else _name(order.key)


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _activator(parameters: DeployParameters) -> Activator:
    if parameters.unit is not None:
        return Systemd(parameters.unit)
    return ComposeProject(parameters.compose) if parameters.compose is not None else Nobody()


@dataclass(frozen=True, slots=True)
class _Deployment:
    parameters: DeployParameters
    releases: Releases
    activator: Activator
    means: Means
    said: Said

    def run(self, name: str, folder: Path) -> Result:
        self.activator.check()
        current = self.releases.current
        if current != name:
            self.releases.add(name, self.parameters.files, folder=folder, settings=self.means.settings)
        previous = current if self.parameters.dry_run else self.releases.remember(name, current)
        plan = self.releases.change(previous, name).lines
        for line in plan:
            self.said.log(f"plan: {line}")
        value: dict[str, Any] = {"release": name, "previous": previous, "plan": plan[:200], "changes": len(plan)}
        if self.parameters.dry_run:
            if current != name:
                self.releases.remove(name)
            return Result(ok=True, value={**value, "dry_run": True})
        self._apply(name, previous, value)
        self.releases.prune(self.parameters.keep, {name, previous})
        return Result(ok=True, value=value)

    def _apply(self, name: str, previous: str | None, value: dict[str, Any]) -> None:
        """To the new release and, when anything goes wrong on the way, back."""
        self.means.stop.check()
        try:
            self.said.progress(0.3, "switching")
            self.releases.switch(name)
            self.activator.follow(self.releases, self.means.stop)
            self.said.progress(0.6, "waiting until it is healthy")
            if self.parameters.health is not None:
                await_health(self.parameters.health, self.means.stop)
        except (Failed, Cancelled, OSError) as exc:
            self.said.log(f"going back to {previous or 'nothing'}: {str(exc) or 'cancelled'}")
            self.back(name, previous)
            if isinstance(exc, Failed):
                raise Failed(exc.code, exc.error, value={**value, "rolled_back_to": previous}) from exc
            raise

    def back(self, name: str, previous: str | None) -> None:
        """Raises ``Failed`` with ``rollback_failed`` when that does not work either."""
        try:
            self.releases.switch(previous)
            self.activator.follow(self.releases, None)
        except (Failed, OSError) as exc:
            raise Failed("rollback_failed", f"{previous or 'nothing'} could not be put back: {exc}") from exc
        self.releases.remove(name)
