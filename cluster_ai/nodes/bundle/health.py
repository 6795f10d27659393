"""Proves that this version can be started on this machine: run by its own interpreter before anything leads to it."""

from importlib import import_module
from typing import Final

NEEDED: Final = (
    # Compiled for the machine's C library, or not.
    *("cryptography.x509", "distributed", "orjson", "psutil", "uvloop"),
    # The program finds its own files.
    *("cluster_ai.parts", "cluster_ai.cli.main", "cluster_ai.node_agent"),
)


def main() -> None:
    """Raises ImportError with the name of what does not fit."""
    for name in NEEDED:
        import_module(name)


if __name__ == "__main__":
    main()
