"""Runs the terminal interface: ``python -m cluster_ai.tui``."""

import sys

from cluster_ai.tui.starting import main

sys.exit(main(sys.argv[1:]))
