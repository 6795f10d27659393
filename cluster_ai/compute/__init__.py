"""Dask: its scheduler and workers, and the jobs that run on them."""
