"""`python -m apps.agent`: run the agent of this host."""

import logging
import os
import time
from pathlib import Path

import redis
import redis.exceptions

from apps.agent import config, worker
from apps.agent.fences import Fences
from apps.agent.long_jobs import LongJobs
from apps.agent.order_executor import OrderExecutor
from apps.agent.reporter import Reporter
from apps.agent.storage_heartbeat import Heartbeats, StorageHeartbeat
from apps.agent.verbs import table
from apps.agent.version import VERSION
from apps.drivers.files import heartbeat
from apps.drivers.files.layout import passable
from apps.drivers.host_volumes import HostVolumes
from apps.drivers.libvirt import LibvirtHypervisor, LibvirtLiveVolumes
from apps.drivers.orders import queue_of
from apps.drivers.rbd.heartbeat import RadosHeartbeats
from apps.drivers.redis_tls import believe_no_public_authority
from apps.drivers.sealing import Seal

log = logging.getLogger("apps.agent")


def main() -> None:
    """Read the settings, put the parts together, work until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("celery").setLevel(logging.WARNING)
    believe_no_public_authority()
    os.umask(0o077)  # nothing it makes is for guests' processes, but for what it gives them by name
    settings = config.load()
    passable(Path(settings.state_dir))
    host = settings.host_settings()
    log.info("Agent %s of %s: %s", VERSION, host.name, host.virtualisation)
    hypervisor = LibvirtHypervisor(host)
    hypervisor.held.recover()
    live = LibvirtLiveVolumes(hypervisor.connection)
    volumes = HostVolumes(
        settings.rbd_images(hypervisor.ceph), image_limit_bytes=settings.image_limit_bytes, live=live
    )
    seal = Seal(settings.seal_key)
    client = redis.Redis.from_url(settings.redis_url, health_check_interval=30)
    handlers = table(hypervisor, volumes, LongJobs())
    executor = OrderExecutor(
        host.name, seal, client, handlers, Fences(Path(settings.state_dir) / "fences.sqlite")
    )
    reporter = Reporter(host.name, seal, client, hypervisor)
    kept_in: dict[str, Heartbeats] = {"file": heartbeat, "rbd": RadosHeartbeats(hypervisor.ceph.key)}
    beat = StorageHeartbeat(host.name, seal, client, lambda: hypervisor.heartbeats.plan, kept_in)
    hypervisor.connection.on_event = reporter.soon
    app = worker.build(host.name, settings.redis_url, executor.take)
    drop_old_orders(client, host.name)

    def start() -> None:
        reporter.start()
        beat.start()

    def stop() -> None:
        beat.stop()
        reporter.stop()

    worker.run(app, settings.threads, start, stop)


def drop_old_orders(client: redis.Redis, host: str) -> None:
    """Forget the orders that came while no agent was here: whoever sent them learns that it was started again.

    The host may have been given up meanwhile, and its VMs started on others.
    """
    while True:
        try:
            client.delete(queue_of(host))
            return
        except redis.exceptions.RedisError as error:
            log.warning("Redis does not respond: %s", error)
            time.sleep(1)


if __name__ == "__main__":
    main()
