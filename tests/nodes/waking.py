"""Wakes a machine of network 10.77.1.0/24 and tells what was heard there; run in a network namespace of its own."""

import json
import socket

from cluster_ai.nodes.inventory import Network
from cluster_ai.nodes.wake import own_addresses, wake


def main() -> None:
    # The system hands a broadcast back to who listens on the interface that it leaves by.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.bind(("10.77.1.255", 0))
        there.settimeout(10)
        asleep = Network(name="eth0", mac="02:42:ac:11:00:02", addresses=("10.77.1.9/24", "fe80::9/64"))
        sent = wake([asleep], ours=own_addresses(), port=there.getsockname()[1])
        packet, (source, _) = there.recvfrom(200)
    print(json.dumps({"sent": sent, "from": source, "packet": packet.hex()}))


if __name__ == "__main__":
    main()
