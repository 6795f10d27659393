"""Starts one part as the cluster does: ``launcher.py scheduler|worker|machine JSON``; the JSON is a seat or a post."""

import json
import sys
from pathlib import Path
from typing import Any

from cluster_ai.compute import scheduler, staying, worker
from cluster_ai.compute.places import Outward, Post, Seat
from cluster_ai.core import logging


def main(kind: str, words: str) -> None:
    logging.configure(component=kind)
    said: dict[str, Any] = json.loads(words)
    said["scratch"] = Path(said["scratch"])
    if outward := said.pop("outward", None):
        said["outward"] = Outward(outward[0], Path(outward[1]))
    if kind == "scheduler":
        scheduler.run(Seat(**said))
    else:
        said["ports"] = tuple(said["ports"])
        (staying if kind == "machine" else worker).run(Post(**said))


if __name__ == "__main__":
    main(*sys.argv[1:])
