"""What workers do for consoles beside operations."""

from __future__ import annotations

import logging
from uuid import UUID

from celery import shared_task
from redis.exceptions import RedisError

from apps.compute.models import Vm
from apps.console.screenshots import TASK, keep, turn
from apps.drivers.errors import DriverError
from apps.infrastructure import backends

log = logging.getLogger(__name__)


@shared_task(name=TASK, ignore_result=True)
def take_screenshot(vm_id: str) -> None:
    """Take and keep a picture of a VM's screen. Without one the page says so: no failure needs to be recorded."""
    vm = Vm.objects.select_related("host").filter(pk=vm_id).first()
    if vm is None or vm.host is None or not vm.is_on or not vm.host.in_reach:
        return
    try:
        with turn(vm.host.pk) as free:
            if free:
                keep(vm.pk, backends.hypervisor(vm.host, None).screenshot(str(vm.pk)))
    except (DriverError, ValueError, RedisError) as error:
        log.info("no screenshot of VM %s: %s", UUID(vm_id), error)
