"""The nodes: what is known of each, and what was measured."""
