"""Starts the node as the cluster does: ``node_launcher.py PORT HOME SETTINGS_JSON``."""

import json
import sys
from pathlib import Path

from cluster_ai.core import logging
from cluster_ai.core.paths import Home
from cluster_ai.engines.embedded import run
from cluster_ai.engines.types import NodeSettings

if __name__ == "__main__":
    port, home, settings = sys.argv[1:]
    logging.configure(component="node")
    run(NodeSettings(**json.loads(settings)), host="127.0.0.1", port=int(port), home=Home(Path(home)))
