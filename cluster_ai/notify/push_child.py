"""The process that Apprise lives in: one order on standard input, one answer on standard output."""

import json
import logging
import sys
from typing import Any, Final

import apprise

PORTS: Final = {False: 80, True: 443}
_LONGEST: Final = 300


class Heard(logging.Handler):
    """The last thing that Apprise complained of; it leaves tokens out."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()[:_LONGEST]


def done(order: dict[str, Any]) -> dict[str, str]:
    """Reads the address, compares it with what was allowed, and sends what there is to send."""
    heard = Heard()
    logging.getLogger("apprise").addHandler(heard)
    logging.getLogger("apprise").propagate = False
    asset = apprise.AppriseAsset(
        app_id="Cluster AI", app_desc="Cluster AI", app_url="", storage_mode="memory", http_redirects=False
    )
    service = apprise.Apprise.instantiate(order["address"], asset=asset)
    if service is None:
        # Not what it complains of: that could quote the address.
        return {"error": f"Apprise cannot read this {order['name']} address: something is missing in it"}
    if why := _elsewhere(service, order):
        return {"error": why}
    # Whatever the address says: no other place than the one that was allowed, and nobody who only says who they are.
    service.redirects, service.verify_certificate = False, True
    if "text" not in order:
        return {}
    kind = apprise.NotifyType.WARNING if order["urgent"] else apprise.NotifyType.INFO
    sent = service.notify(body=order["text"], title=order["title"], notify_type=kind)
    return {} if sent else {"error": heard.last or "the service did not take it"}


def _elsewhere(service: Any, order: dict[str, Any]) -> str:
    """Two readers of one address must agree on where it leads."""
    if order["host"]:
        host, port = str(service.host or "").strip("[]").lower(), service.port or PORTS[bool(service.secure)]
        if (host, port) != (order["host"], order["port"]):
            return "Apprise reads another host in it"
    return ""


def main() -> int:
    answer = done(json.loads(sys.stdin.buffer.read()))
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
