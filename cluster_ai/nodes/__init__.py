"""Machines: how they are found, join, are cordoned, drained and removed."""
