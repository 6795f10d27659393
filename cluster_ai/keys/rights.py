"""What a caller may do and which models they may use. Pure."""

from fnmatch import fnmatchcase

from cluster_ai.keys.types import INFERENCE, Caller, ModelNotAllowed, ScopeMissing


def demand_scope(caller: Caller, scope: str) -> None:
    """Lets a caller pass who has ``scope``.

    Raises:
        ScopeMissing: they do not.
    """
    if scope not in caller.scopes:
        who = "the key" if caller.key_id else "a caller without a key"
        raise ScopeMissing(f"{who} does not reach {scope}", hint="use a key that has this scope")


def demand_model(caller: Caller, model: str) -> None:
    """Lets a caller pass who may use ``model``, by the name that was asked for.

    Raises:
        ModelNotAllowed: they may not.
    """
    if not may_use(caller, model):
        raise ModelNotAllowed(f"this key may not use the model '{model[:100]}'", hint="ask for one of /v1/models")


def demand_inference(caller: Caller, model: str) -> None:
    """``demand_scope`` and ``demand_model`` of a call to a model.

    Raises:
        ScopeMissing, ModelNotAllowed: they may not.
    """
    demand_scope(caller, INFERENCE)
    demand_model(caller, model)


def may_use(caller: Caller, model: str) -> bool:
    """Whether a caller may use ``model``; a name without a tag is its ``latest``. Names differ by case."""
    if not caller.models:
        return True
    name = _tagged(model)
    # Patterns hold no brackets (``types.Pattern``), and the library's expressions never backtrack over a star.
    return any(fnmatchcase(name, _tagged(pattern)) for pattern in caller.models)


def _tagged(name: str) -> str:
    """The name with its tag. A pattern that ends in a star covers every tag as it stands."""
    return name if ":" in name.rpartition("/")[2] or name.endswith("*") else f"{name}:latest"
