"""``cluster-ai update pack`` and ``install``: from a checkout to a bundle, and to a head that can be updated."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cluster_ai.cli import place, show
from cluster_ai.cli.noun import Verb
from cluster_ai.cli.words import t

if TYPE_CHECKING:
    from cluster_ai.pki.authority import Authority

_FOLDER = click.Path(path_type=Path)


@click.command("pack", cls=Verb, help=t("update.pack"))
@click.argument("file", type=_FOLDER, metavar=t("meta.file"))
def pack(*, file: Path) -> None:
    name = _packed(file.absolute())
    show.say(t("update.packed", name=name, signer=_authority().fingerprint))
    show.out(str(file.absolute()))


@click.command("install", cls=Verb, help=t("update.install"))
@click.argument("folder", type=_FOLDER, metavar=t("meta.folder"))
def install(*, folder: Path) -> None:
    from cluster_ai.ops.updates import packing

    settings, prefix = place.settings(), folder.expanduser().absolute()
    prefix.mkdir(parents=True, exist_ok=True)
    bundle = prefix / "bundle.tar"
    try:
        _packed(bundle)
        name = packing.install(
            bundle, _authority().fingerprint, prefix, settings.paths, port_base=settings.port_base
        )  # fmt: skip
    finally:
        bundle.unlink(missing_ok=True)
    show.say(t("update.installed", name=name, command=prefix / "bin/cluster-ai"))


def _packed(file: Path) -> str:
    from cluster_ai.ops.updates import packing

    home = place.settings().paths
    home.make()
    show.say(t("update.packing"))
    return packing.pack(home, _authority(), file, lambda _done, _all: None)


def _authority() -> "Authority":
    """This cluster's own; made when there is none."""
    from cluster_ai.pki.head import ensure_head
    from cluster_ai.settings import head_files

    return ensure_head(head_files(place.settings()))
