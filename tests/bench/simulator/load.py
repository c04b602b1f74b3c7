"""Clients that create and delete VMs at a given pace, and look at lists meanwhile, in a process of their own.

Reads {"port", "clients": [{"token", "body"}, …], "rate", "seconds", "linger", "reads": {name: [path, token]}} from
standard input. `rate` VMs are requested in each second, whether earlier ones are answered or not, as long as a thread
is free; each is deleted `linger` seconds after it was requested (0: not
at all). Every path of `reads` is fetched once a second. Prints
{kind: [milliseconds, …]}, "late" (seconds that a request began after its time), and "refused".
"""

from __future__ import annotations

import http.client
import itertools
import json
import queue
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

THREADS = 24
#: What answers a request of each method.
EXPECTED = {"POST": 202, "DELETE": 202, "GET": 200}


@dataclass(order=True)
class Event:
    """Something to ask for at `due`."""

    due: float
    kind: str = field(compare=False)
    number: int = field(compare=False, default=0)


class Load:
    """The events of a run and what came of them."""

    def __init__(self, task: dict[str, Any]) -> None:
        self.task = task
        self.started = time.monotonic() + 0.5
        self.events: queue.PriorityQueue[Event] = queue.PriorityQueue()
        self.made: dict[int, str] = {}
        self.times: dict[str, list[float]] = {
            "create": [],
            "delete": [],
            **{name: [] for name in task["reads"]},
        }
        self.late: list[float] = []
        self.refused: list[str] = []
        self._plan()

    def _plan(self) -> None:
        rate, seconds = self.task["rate"], self.task["seconds"]
        for number in range(int(rate * seconds)):
            at = self.started + number / rate
            self.events.put(Event(at, "create", number))
            if self.task["linger"]:
                self.events.put(Event(at + self.task["linger"], "delete", number))
        for second, name in itertools.product(range(seconds), self.task["reads"]):
            self.events.put(Event(self.started + second + 0.5, name))
        for _ in range(THREADS):
            self.events.put(Event(float("inf"), "end"))

    def work(self) -> None:
        """Take events in the order of their time until there are none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.task["port"], timeout=60)
        while (event := self.events.get()).kind != "end":
            if (wait := event.due - time.monotonic()) > 0:
                time.sleep(wait)
            self.late.append(time.monotonic() - event.due)
            self.ask(connection, event)

    def ask(self, connection: http.client.HTTPConnection, event: Event) -> None:
        """Send one request."""
        client = self.task["clients"][event.number % len(self.task["clients"])]
        body = None
        if event.kind == "create":
            method, path, token = "POST", "/api/v1/vms", client["token"]
            body = json.dumps({**client["body"], "name": f"load-{event.number}"})
        elif event.kind == "delete":
            if event.number not in self.made:
                return  # it was refused
            method, path, token = "DELETE", f"/api/v1/vms/{self.made[event.number]}", client["token"]
        else:
            method, (path, token) = "GET", self.task["reads"][event.kind]
        started = time.perf_counter()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read()
        self.times[event.kind].append(1000 * (time.perf_counter() - started))
        if response.status != EXPECTED[method]:
            self.refused.append(f"{method} {response.status} {text[:300].decode(errors='replace')}")
        elif event.kind == "create":
            self.made[event.number] = json.loads(text)["operations"][0]["target"]["id"]


def main() -> None:
    """Run the load and print what the clients saw."""
    load = Load(json.load(sys.stdin))
    threads = [threading.Thread(target=load.work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    json.dump({"times": load.times, "late": load.late, "refused": load.refused}, sys.stdout)


if __name__ == "__main__":
    main()
