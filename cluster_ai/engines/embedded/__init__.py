"""The embedded node: models of this machine behind Ollama's API, in one process that ``run`` is the whole of."""

from cluster_ai.engines.embedded.serve import application, open_node, run

__all__ = ["application", "open_node", "run"]
