"""Modules that are imported when they are wanted, not when their process starts."""

import sys
import threading
from collections.abc import Iterable
from importlib import import_module
from typing import Any, Final

from cluster_ai.core.errors import Unavailable
from cluster_ai.core.garbage import kept

_ONE_BY_ONE: Final = threading.Lock()


def late(module: str) -> Any:
    """The module of that name. To be called in a thread: those that are worth it take long.

    Raises:
        Unavailable: its files cannot be read now; a process whose descriptors are all taken may succeed later.
    """
    with _ONE_BY_ONE:
        if module in sys.modules:
            # By its name again: somebody else may be in the middle of its import.
            return import_module(module)
        before = set(sys.modules)
        try:
            # A search through all that comes with SQL would hold up everybody who is being served.
            with kept():
                return import_module(module)
        except Exception as exc:
            _forget(sys.modules.keys() - before)
            raise Unavailable(f"{module} cannot be loaded: {exc}") from exc


def _forget(modules: Iterable[str]) -> None:
    """Takes back an import that failed half-way.

    Python drops the module that failed and keeps those that it had imported. The next import of a package would find
    its parts there already, and never make them known to it.
    """
    for name in modules:
        parent, _, own = name.rpartition(".")
        if name.partition(".")[0] in sys.stdlib_module_names:
            continue
        module = sys.modules.pop(name, None)
        if (package := sys.modules.get(parent)) is not None and getattr(package, own, None) is module:
            delattr(package, own)
