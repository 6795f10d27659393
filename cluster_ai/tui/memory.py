"""Start-up garbage back to the system: parsing styles and importing leave free memory that is never used again."""

import ctypes
import gc


def give_back() -> None:
    """Collects, and asks the C library to return what is free. Does nothing where it has no such call (not glibc)."""
    gc.collect()
    # What is left lives as long as the program: no later collection needs to look at it.
    gc.freeze()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
