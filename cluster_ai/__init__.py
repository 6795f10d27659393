"""Cluster AI: the machines on a LAN as one AI cluster."""

__version__ = "0.1.0"
