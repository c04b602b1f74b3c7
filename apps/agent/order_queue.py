"""The control plane's end of the hosts' queues."""

from celery import Celery
from kombu.exceptions import OperationalError

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.orders import TASK, queue_of


class OrderQueue:
    """Puts sealed orders on hosts' queues. One per process; all threads may use it."""

    def __init__(self, redis_url: str) -> None:
        self._app = Celery("scloud-post", broker=redis_url, set_as_current=False)
        self._app.conf.update(
            task_ignore_result=True,
            task_serializer="json",
            broker_transport_options={"priority_steps": [0], "max_retries": 0},
            task_publish_retry=False,
        )

    def __call__(self, host: str, sealed: str, seconds: float) -> None:
        """Queue an order for a host, to be dropped if its agent has not taken it within `seconds`.

        Raises DriverError, to be tried again, when the broker does not answer.
        """
        try:
            self._app.send_task(TASK, args=(sealed,), queue=queue_of(host), expires=seconds)
        except OperationalError as error:
            raise DriverError(_("The message broker does not respond."), code="broker.unreachable") from error
