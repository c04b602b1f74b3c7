"""What somebody who has taken over a guest's QEMU tries on the network; prints what could be reached.

Run by a host's own Python, without the project. Reads {"tcp": [[address, port], ...], "udp": ...} from standard input.
"""

import json
import socket
import sys
from typing import Any


def reached(kind: int, address: str, port: int) -> bool:
    """Return whether a connection was made, or a datagram left."""
    with socket.socket(socket.AF_INET, kind) as client:
        client.settimeout(1)
        try:
            client.connect((address, port))
            client.send(b"" if kind == socket.SOCK_STREAM else b"x")
        except OSError:
            return False
    return True


def main() -> None:
    """Answer the request."""
    request: dict[str, Any] = json.load(sys.stdin)
    kinds = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
    found = {name: [to for to in request[name] if reached(kind, *to)] for name, kind in kinds.items()}
    json.dump(found, sys.stdout)


main()
