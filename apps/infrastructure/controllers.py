"""Asking management controllers now and then, so that one that cannot be used is known before it is needed."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from django.db.models import F, Q
from django.db.models.functions import Now

from apps.drivers.errors import DriverError
from apps.infrastructure import backends
from apps.infrastructure.models import HostController
from apps.lifecycle import push
from apps.lifecycle.stored_messages import stored_error

log = logging.getLogger(__name__)
EVERY = timedelta(minutes=1)
MOST_SECONDS = 20.0
"""Of one round: controllers that hang must not hold a worker's thread for long."""


def check_controllers() -> int:
    """Ask those that were not asked for a while what the power of their hosts is; return how many were asked."""
    due = HostController.objects.filter(Q(checked_at=None) | Q(checked_at__lt=Now() - EVERY))
    give_up, asked = time.monotonic() + MOST_SECONDS, 0
    for row in due.select_related("host").order_by(F("checked_at").asc(nulls_first=True), "pk"):
        if time.monotonic() > give_up:
            break
        _check(row)
        asked += 1
    return asked


def _check(row: HostController) -> None:
    power, wrong = "", {}
    try:
        power = backends.controller(row.host).power_state()
    except DriverError as error:
        log.warning("management controller of host %s: %s", row.host.name, error.message)
        wrong = dict(stored_error(error))
    changed = (row.power, row.check_error.get("code")) != (power, wrong.get("code"))
    # Only while it is the one that was asked.
    same = HostController.objects.filter(pk=row.pk, url=row.url, sealed_password=row.sealed_password)
    same.update(power=power, check_error=wrong, checked_at=Now())
    if changed:
        push.resource_changed(row.host)
