"""What uses a release: nobody but its readers, a systemd unit, or a compose project."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, Protocol

from pydantic import Field, StringConstraints

from cluster_ai.core.wire import StrictModel
from cluster_ai.executors.files import RelativePath
from cluster_ai.executors.kind import Failed
from cluster_ai.executors.kinds.deployment.commands import complaint, tool
from cluster_ai.executors.kinds.deployment.releases import CURRENT, Releases
from cluster_ai.executors.stopping import Stop

LOOKS: Final = 6
BETWEEN: Final = 0.5
"""Seconds between two looks at a unit that was just started."""
SYSTEM_UNITS: Final = Path("/etc/systemd/system")


class Unit(StrictModel):
    """A systemd unit, which is a file of the release."""

    name: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,200}\.(service|timer|socket|path)$")
    ] = Field(description="Its name; must fit one of `[executors] deploy_units`.")
    file: RelativePath = Field(description="Which file of the release it is.")
    scope: Literal["system", "user"] = Field(default="system", description="Whose manager runs it.")
    enable: bool = Field(default=True, description="Whether it starts with the machine.")


class Compose(StrictModel):
    """A compose project, which is described by a file of the release."""

    project: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] = Field(
        description="Its name; must fit one of `[executors] deploy_projects`."
    )
    file: RelativePath = Field(default="compose.yaml", description="Which file of the release describes it.")
    wait_seconds: Annotated[int, Field(ge=1, le=600)] = Field(default=60, description="Until its services are healthy.")


class Activator(Protocol):
    """Makes what runs follow the current release. ``stop`` is none on the way back: that goes to its end."""

    def check(self) -> None: ...

    def follow(self, releases: Releases, stop: Stop | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Nobody:
    """Files that are read where they lie."""

    def check(self) -> None:
        """There is nothing that could be missing."""

    def follow(self, releases: Releases, stop: Stop | None) -> None:
        """The link is all."""


@dataclass(frozen=True, slots=True)
class Systemd:
    unit: Unit

    def check(self) -> None:
        """Raises ``Failed`` where no systemd runs."""
        done = tool(("systemctl", *self._scope, "is-system-running"), None, seconds=20)
        if done.stdout.strip() in ("", "offline", "unknown"):
            raise Failed("tool_missing", f"systemctl: no systemd runs here ({complaint(done)})")

    def follow(self, releases: Releases, stop: Stop | None) -> None:
        """Installs the unit and starts it anew; or takes it away when there is no release."""
        installed = self._folder / self.unit.name
        if releases.current is None:
            self._call("disable", "--now", self.unit.name, stop=stop, must=False)
            installed.unlink(missing_ok=True)
            self._call("daemon-reload", stop=stop)
            return
        source = releases.root / CURRENT / self.unit.file
        if not source.is_file():
            raise Failed("input_missing", f"the release has no file {self.unit.file}")
        installed.parent.mkdir(parents=True, exist_ok=True)
        draft = installed.with_name(f".{installed.name}.draft")
        shutil.copyfile(source, draft)
        draft.chmod(0o644)
        draft.replace(installed)
        self._call("daemon-reload", stop=stop)
        if self.unit.enable:
            self._call("enable", self.unit.name, stop=stop)
        self._call("restart", self.unit.name, stop=stop)
        for _ in range(LOOKS):
            self._must_be_up()
            if stop is not None:
                stop.wait(BETWEEN)
                stop.check()

    def _must_be_up(self) -> None:
        """A restart is done as soon as the program was begun; that it ended at once shows in the unit's state."""
        names = "--property=ActiveState,SubState,Result"
        told = tool(("systemctl", *self._scope, "show", names, self.unit.name), None).stdout
        state = dict(line.partition("=")[::2] for line in told.splitlines())
        if state.get("ActiveState") == "failed" or state.get("SubState") == "auto-restart":
            raise Failed("unhealthy", f"{self.unit.name} is {state.get('SubState')}: {state.get('Result')}")

    def _call(self, *argv: str, stop: Stop | None, must: bool = True) -> None:
        done = tool(("systemctl", *self._scope, *argv), stop)
        if must and done.returncode:
            raise Failed("unhealthy", f"systemctl {argv[0]}: {complaint(done)}")

    @property
    def _scope(self) -> tuple[str, ...]:
        return ("--user",) if self.unit.scope == "user" else ()

    @property
    def _folder(self) -> Path:
        if self.unit.scope == "system":
            return SYSTEM_UNITS
        base = os.environ.get("XDG_CONFIG_HOME")
        return (Path(base) if base else Path.home() / ".config") / "systemd" / "user"


@dataclass(frozen=True, slots=True)
class ComposeProject:
    wanted: Compose

    def check(self) -> None:
        """Raises ``Failed`` without docker, its compose plug-in or its engine."""
        done = tool(("docker", "compose", "version"), None, seconds=20)
        if done.returncode:
            raise Failed("tool_missing", f"docker compose: {complaint(done)}")
        done = tool(("docker", "info", "--format", "{{.ServerVersion}}"), None, seconds=20)
        if done.returncode:
            raise Failed("engine_unavailable", f"docker: {complaint(done)}")

    def follow(self, releases: Releases, stop: Stop | None) -> None:
        """Brings the project to what the file says; or down when there is no release."""
        project = ("docker", "compose", "--project-name", self.wanted.project)
        if releases.current is None:
            done = tool((*project, "down", "--remove-orphans"), stop)
        else:
            # By the release's own path: a container that is made later must not find the link elsewhere.
            file = releases.folder(releases.current) / self.wanted.file
            seconds = str(self.wanted.wait_seconds)
            up = ("up", "--detach", "--remove-orphans", "--wait", "--wait-timeout", seconds)
            done = tool((*project, "--file", str(file), *up), stop, seconds=self.wanted.wait_seconds + 300)
        if done.returncode:
            raise Failed("unhealthy", f"docker compose: {complaint(done)}")
