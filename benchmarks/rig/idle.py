"""What a ticket calls that does nothing."""


def nothing() -> None:
    """As raw Dask's tasks of the same measurement."""
