"""Clients that ask for VMs as fast as they are answered, in a process of their own.

Reads {"port", "count", "clients": [{"token", "body"}, …]} from standard input, asks COUNT times in all, one thread for
each client, and prints {"seconds", "latencies_ms", "refused"}.
"""

from __future__ import annotations

import http.client
import itertools
import json
import sys
import threading
import time
from typing import Any


def main() -> None:
    """Run the clients and print what they saw."""
    task = json.load(sys.stdin)
    numbers = itertools.count()
    latencies: list[float] = []
    refused: list[str] = []

    def work(client: dict[str, Any]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", task["port"], timeout=60)
        headers = {"Authorization": f"Bearer {client['token']}", "Content-Type": "application/json"}
        while (number := next(numbers)) < task["count"]:
            body = json.dumps({**client["body"], "name": f"vm-{number}"})
            started = time.perf_counter()
            connection.request("POST", "/api/v1/vms", body, headers)
            response = connection.getresponse()
            text = response.read()
            latencies.append(1000 * (time.perf_counter() - started))
            if response.status != 202:
                refused.append(f"{response.status} {text[:300].decode(errors='replace')}")

    threads = [threading.Thread(target=work, args=(client,)) for client in task["clients"]]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    json.dump({"seconds": seconds, "latencies_ms": latencies, "refused": refused}, sys.stdout)


if __name__ == "__main__":
    main()
