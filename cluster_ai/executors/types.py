"""Words of the executors' room. Pure."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator

from cluster_ai.core.wire import Slice

MIB: Final = 1024**2
Kind = Literal["INFER", "MAP", "EXECUTE", "TEST", "VALIDATE", "DEPLOY", "BUILD", "COMPENSATE"]
HostPort = Annotated[
    str, Field(max_length=260, pattern=r"^(\*|\[[0-9a-fA-F:]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?):[0-9]{1,5}$")
]
"""``name:443``; in the settings also ``*:443``, any public host at that port."""
ModulePath = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")]


class ExecutorSettings(Slice):
    """Slice of the executors' room: what this machine grants to tickets."""

    sandbox: Literal["auto", "bubblewrap", "container", "none"] = Field(
        default="auto",
        description="What tickets run in: the best there is, or this only; with none, trusted tickets alone run.",
    )
    trusted_kinds: tuple[Kind, ...] = Field(
        default=(), description="Kinds whose tickets may run with no sandbox, when the ticket itself is marked trusted."
    )
    modules: tuple[ModulePath, ...] = Field(
        default=(), description="Python modules (with what is below them) whose functions EXECUTE may call."
    )
    reach: tuple[HostPort, ...] = Field(
        default=(), description="What tickets may reach when they ask: host:port, or *:port for any public host."
    )
    inputs: tuple[Path, ...] = Field(default=(), description="Folders whose files tickets may read as their data.")
    deploy_folders: tuple[Path, ...] = Field(default=(), description="Folders below which DEPLOY may write.")
    deploy_projects: tuple[str, ...] = Field(
        default=(), description="Names of compose projects that DEPLOY may run, * for any letters."
    )
    deploy_units: tuple[str, ...] = Field(
        default=(), description="Names of systemd units that DEPLOY may write, * for any letters: app-*.service."
    )
    ci_urls: dict[str, Path | None] = Field(
        default_factory=dict,
        description="Beginnings of addresses of outside pipelines, each with the file of its bearer token, or none.",
    )
    container_image: str = Field(
        default="",
        max_length=256,
        description="Image of the container that stands in for bubblewrap; must be on this machine. Empty: none.",
    )
    memory_mib: int = Field(default=1024, ge=16, le=1024**2, description="Memory of one attempt, all its processes.")
    disk_mib: int = Field(default=1024, ge=1, le=1024**2, description="Disk of one attempt.")
    free_disk_mib: int = Field(
        default=1024, ge=0, le=1024**2, description="An attempt ends when less than this is free where it writes."
    )
    processes: int = Field(default=256, ge=1, le=4096, description="Most processes and threads of one attempt.")
    open_files: int = Field(default=256, ge=16, le=65_536, description="Open files of each process of an attempt.")
    seconds: float = Field(default=3600.0, gt=0, le=7 * 86_400, description="Longest attempt.")
    log_kib: int = Field(default=1024, ge=1, le=1024**2, description="Log lines of one attempt that are passed on.")

    @field_validator("inputs", "deploy_folders")
    @classmethod
    def _are_absolute(cls, folders: tuple[Path, ...]) -> tuple[Path, ...]:
        if wrong := [str(folder) for folder in folders if not folder.is_absolute() or ".." in folder.parts]:
            raise ValueError(f"must be absolute: {', '.join(wrong)}")
        return folders

    @field_validator("ci_urls")
    @classmethod
    def _are_whole(cls, urls: dict[str, Path | None]) -> dict[str, Path | None]:
        # https://ci.lan would also be the beginning of https://ci.lan.example.org.
        if wrong := [url for url in urls if not url.startswith(("http://", "https://")) or url.count("/") < 3]:  # noqa: PLR2004
            raise ValueError(f"must be http(s)://host/ with what follows: {', '.join(wrong)}")
        return urls
