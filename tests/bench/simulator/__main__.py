"""`python -m tests.bench.simulator TASK_FILE`: run hosts until standard input ends.

One thread takes orders from all hosts' queues at once, as a Celery worker does from its own; one reports, for each host
in its turn. Prints "ready" when both have started.
"""

from __future__ import annotations

import base64
import heapq
import json
import random
import sys
import threading
import time
from pathlib import Path

import redis

from apps.agent.fences import Fences
from apps.agent.reporter import DEBOUNCE_SECONDS
from apps.drivers.memory import MemoryVolumes, World
from apps.drivers.orders import queue_of
from apps.drivers.reports import PERIOD_SECONDS
from tests.bench.simulator.host import SimulatedHost, put_standing
from tests.bench.simulator.task import Task, read

IMAGE = f"memory:{1 << 30}"


class Turns:
    """When which host reports next: every period, and soon after something changed there."""

    def __init__(self, names: list[str]) -> None:
        self._changed = threading.Condition()
        self._due = [(time.monotonic() + random.random() * PERIOD_SECONDS, name) for name in names]  # noqa: S311
        heapq.heapify(self._due)
        self._soon: set[str] = set()

    def soon(self, name: str) -> None:
        """Let a host report within moments; many calls make one report."""
        with self._changed:
            if name not in self._soon:
                self._soon.add(name)
                heapq.heappush(self._due, (time.monotonic() + DEBOUNCE_SECONDS, name))
                self._changed.notify()

    def next(self) -> str:
        """Wait for the next turn and return whose it is."""
        with self._changed:
            while (wait := self._due[0][0] - time.monotonic()) > 0:
                self._changed.wait(wait)
            name = heapq.heappop(self._due)[1]
            if name in self._soon:
                self._soon.discard(name)  # its regular turn stands further down
            else:
                heapq.heappush(self._due, (time.monotonic() + PERIOD_SECONDS, name))
            return name


def sealed_in(message: bytes) -> str:
    """Return the sealed order in a message as Celery puts it on a queue."""
    arguments = json.loads(base64.b64decode(json.loads(message)["body"]))[0]
    return str(arguments[0])


def hosts_of(task: Task, client: redis.Redis, turns: Turns) -> dict[str, SimulatedHost]:
    """Make the hosts and what runs on them."""
    world, fences = World(), Fences(Path(task.state) / "fences.sqlite")
    since = time.time()
    for image in task.images:
        MemoryVolumes(world).ensure_image(image, IMAGE)
    made = {}
    for part in task.hosts:
        put_standing(world, part.name, part.vms, since)
        name = part.name
        changed = lambda name=name: turns.soon(name)  # noqa: E731
        made[name] = SimulatedHost(name, part.key, world, client, fences, changed)
    return made


def main(path: str) -> None:
    """Run the hosts of a task."""
    task = read(Path(path))
    client = redis.Redis.from_url(task.redis_url)
    turns = Turns([part.name for part in task.hosts])
    hosts = hosts_of(task, client, turns)
    by_queue = {queue_of(name).encode(): host for name, host in hosts.items()}

    def take_orders() -> None:
        queues = list(by_queue)
        while True:
            if found := client.brpop(queues, timeout=1):
                by_queue[found[0]].take(sealed_in(found[1]))

    def report() -> None:
        while True:
            hosts[turns.next()].report()

    for work in (take_orders, report):
        threading.Thread(target=work, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
