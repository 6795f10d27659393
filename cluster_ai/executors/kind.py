"""What every kind of work is made of, in one place."""

from cluster_ai.executors.contract import Order, Result, Said
from cluster_ai.executors.failures import Cancelled, Failed
from cluster_ai.executors.means import Means, Refusal, granted
from cluster_ai.executors.parameters import read
from cluster_ai.executors.types import ExecutorSettings

__all__ = ["Cancelled", "ExecutorSettings", "Failed", "Means", "Order", "Refusal", "Result", "Said", "granted", "read"]
