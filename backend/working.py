"""How tickets get done, as the rest of the API knows it."""

from backend.dispatching.opening import Dispatching

__all__ = ["Dispatching"]
