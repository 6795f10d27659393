"""``cluster-ai model import``: a model made of files of this machine."""

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.bar import Bar
from cluster_ai.cli.noun import Verb
from cluster_ai.cli.words import t
from cluster_ai.core.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from cluster_ai.cli.gateway import Gateway

MAGIC: Final = b"GGUF"
PIECE: Final = 1024 * 1024


@click.command("import", cls=Verb, help=t("model.import"))
@click.argument("name", metavar=t("meta.model"))
@click.argument("files", nargs=-1, required=True, metavar=t("meta.files"))
@click.option("--node", "nodes", multiple=True, metavar=t("meta.node"), help=t("model.import_node"))
def bring(*, name: str, files: tuple[str, ...], nodes: tuple[str, ...]) -> None:
    from cluster_ai.cli.gateway import Gateway
    from cluster_ai.cli.pulling import follow
    from cluster_ai.client.calls import PullStep

    paths = _checked(files)
    where = ",".join(nodes)
    # Asked before minutes go by: a cluster that is away needs no digests.
    with Gateway(place.settings()) as gateway:
        gateway.ask("/api/version")
        digests = {path.name: _sent(gateway, path, where) for path in paths}
        body = {"model": name, "files": digests, "stream": True}
        with gateway.stream("/api/create", body, node=where) as answer:
            follow(PullStep.model_validate(line) for line in answer.lines)
            made_on = answer.served_by.node
    show.say(t("model.imported", name=name, nodes=show.safe(made_on) or "-"))


def _checked(files: tuple[str, ...]) -> list[Path]:
    """The files that a model is made of.

    Raises:
        NotFound, InvalidInput: one is not there, is no model file, or is called as another is.
    """
    paths = [Path(file) for file in files]
    for path in paths:
        if not path.is_file():
            raise NotFound(t("slo.no_file", file=path))
        with path.open("rb") as opened:
            if opened.read(len(MAGIC)) != MAGIC:
                raise InvalidInput(t("model.no_gguf", file=path), path="files")
    if len({path.name for path in paths}) < len(paths):
        raise InvalidInput(t("model.same_names"), path="files")
    return paths


def _sent(gateway: "Gateway", path: Path, where: str) -> str:
    """The digest of the file, which the node has now."""
    digest = hashlib.sha256()
    show.say(t("model.digest", file=path.name))
    for piece in _pieces(path):
        digest.update(piece)
    name = f"sha256:{digest.hexdigest()}"
    if not gateway.has_blob(name, nodes=where):
        show.say(t("model.sends", file=path.name))
        gateway.send_blob(name, _pieces(path), path.stat().st_size, nodes=where)
    return name


def _pieces(path: Path) -> Iterator[bytes]:
    """The file bit by bit, and how much of it is through."""
    size, done = path.stat().st_size, 0
    with path.open("rb") as opened, Bar() as bar:
        for piece in iter(partial(opened.read, PIECE), b""):
            yield piece
            done += len(piece)
            bar.draw(done, size, of=f"{show.size(done)} / {show.size(size)}")
