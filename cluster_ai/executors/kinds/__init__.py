"""The kinds of work, one module or package each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from cluster_ai.executors.kinds.build import Build
from cluster_ai.executors.kinds.deployment.deploy import Deploy
from cluster_ai.executors.kinds.execute import Execute
from cluster_ai.executors.kinds.infer import Infer
from cluster_ai.executors.kinds.mapping.map import Map
from cluster_ai.executors.kinds.testing.test import Test
from cluster_ai.executors.kinds.validation.validate import Validate

KINDS: Final[Mapping[str, type[Any]]] = MappingProxyType(
    {each.kind: each for each in (Infer, Map, Execute, Test, Validate, Deploy, Build)}
)
"""Kind -> its executor, which is made with the ``Means``. COMPENSATE is none of its own: it undoes one of these."""
