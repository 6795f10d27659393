"""Jobs that run on the workers of the cluster."""

from cluster_ai.compute.jobs.counting import words
from cluster_ai.compute.jobs.mapping import map_prompt
from cluster_ai.compute.jobs.types import MapPlan, MapResult, Progress, WordCount, WordsResult

__all__ = ["MapPlan", "MapResult", "Progress", "WordCount", "WordsResult", "map_prompt", "words"]
