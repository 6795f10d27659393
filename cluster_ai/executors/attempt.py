"""One attempt: an order in, a result out, whatever happens on the way."""

from pathlib import Path

from pydantic import ValidationError

from cluster_ai.core.errors import ClusterError
from cluster_ai.executors.catalogue import perform
from cluster_ai.executors.contract import Order, Result, Said
from cluster_ai.executors.failures import CODES, Cancelled, Failed, failed
from cluster_ai.executors.means import Means
from cluster_ai.executors.outcome import fitted


def attempted(folder: Path, means: Means, said: Said) -> Result:
    """Does what ``folder/order.json`` asks. Mistakes of ours that have no name pass: who started us sees the exit."""
    try:
        order = Order.model_validate_json((folder / "order.json").read_bytes())
        return fitted(perform(order, folder, means=means, said=said), folder)
    except Cancelled:
        return failed("cancelled", CODES["cancelled"][1])
    except Failed as exc:
        return fitted(exc.result, folder)
    except ClusterError as exc:
        return told(exc)
    except (OSError, ValidationError) as exc:
        return failed("internal", f"{type(exc).__name__}: {exc}")


def told(error: ClusterError) -> Result:
    """An error of ours as a result."""
    path = getattr(error, "path", "")
    code = "invalid_input" if error.code == "invalid_input" else "internal"
    return failed(code, f"{path}: {error.message}" if path else error.message)
