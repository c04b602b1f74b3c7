"""The Celery side: one worker on the host's queue, in threads.

Orders are acknowledged when they are taken (a lost one is sent again by the operation it belongs to), and everything of
Celery that needs further keys or channels in Redis is off: results, events, remote control, gossip.
"""

import warnings
from collections.abc import Callable

from celery import Celery, signals
from celery.platforms import SecurityWarning  # type: ignore[attr-defined]
from kombu import Queue

from apps.drivers.orders import TASK, queue_of


def transport_options(host: str) -> dict[str, object]:
    """Return options that keep Celery to the host's own keys."""
    queue = queue_of(host)
    return {
        "priority_steps": [0],
        "unacked_key": f"{queue}.unacked",
        "unacked_index_key": f"{queue}.unacked_index",
        "unacked_mutex_key": f"{queue}.unacked_mutex",
    }


def build(host: str, redis_url: str, take: Callable[[str], None]) -> Celery:
    """Return the application whose only task hands a sealed order to `take`."""
    app = Celery("scloud-agent", broker=redis_url, set_as_current=False)
    app.conf.update(
        task_queues=[Queue(queue_of(host))],
        task_default_queue=queue_of(host),
        task_create_missing_queues=False,
        task_ignore_result=True,
        task_acks_late=False,
        task_serializer="json",
        accept_content=["json"],
        broker_transport_options=transport_options(host),
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
    )
    app.task(name=TASK, ignore_result=True)(take)
    return app


def run(app: Celery, threads: int, on_ready: Callable[[], None], on_stop: Callable[[], None]) -> None:
    """Work until told to stop by a signal; orders under way are finished first."""
    warnings.filterwarnings("ignore", category=SecurityWarning)  # it is to manage the host, so it is root
    signals.setup_logging.connect(_keep_our_logging, weak=False)
    signals.worker_ready.connect(lambda **_: on_ready(), weak=False)
    signals.worker_shutdown.connect(lambda **_: on_stop(), weak=False)
    worker = app.Worker(
        pool="threads",
        concurrency=threads,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()


def _keep_our_logging(**_: object) -> None:
    """A receiver of this signal is all that keeps Celery from configuring the loggers itself."""
