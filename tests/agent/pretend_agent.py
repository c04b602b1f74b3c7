"""An agent as on a host, but over a pretend region in Redis. Arguments: name, its URL, key, world URL, world, state."""

import logging
import sys
from pathlib import Path

import redis

from apps.agent import worker
from apps.agent.fences import Fences
from apps.agent.long_jobs import LongJobs
from apps.agent.order_executor import OrderExecutor
from apps.agent.reporter import Reporter
from apps.agent.verbs import table
from apps.drivers.memory import MemoryHypervisor, MemoryVolumes, RedisWorld
from apps.drivers.sealing import Seal


def main(name: str, url: str, key: str, world_url: str, world_name: str, state: str) -> None:
    logging.basicConfig(level=logging.INFO)
    world = RedisWorld(redis.Redis.from_url(world_url), world_name)
    hypervisor = MemoryHypervisor(world, name)
    seal, client = Seal(key), redis.Redis.from_url(url)
    handlers = table(hypervisor, MemoryVolumes(world), LongJobs(patience=1.0))
    executor = OrderExecutor(name, seal, client, handlers, Fences(Path(state) / "fences.sqlite"))
    reporter = Reporter(name, seal, client, hypervisor, period=1.0)
    worker.run(worker.build(name, url, executor.take), 4, reporter.start, reporter.stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
