"""The parts with which plans are summed up, by their names."""

from cluster_ai.plans.losing import Flow
from cluster_ai.plans.tables.turns import counts, late_of
from cluster_ai.plans.telemetry import Consolidation, Sink, Telemetry

__all__ = ["Consolidation", "Flow", "Sink", "Telemetry", "counts", "late_of"]
