"""Draining hosts: requested here, carried out VM by VM in `operations/drain.py`."""

from __future__ import annotations

from apps.accounts.acts import changes
from apps.compute.drain_plan import vms_of
from apps.infrastructure.maintenance import BEFORE, state_before
from apps.infrastructure.models import Host
from apps.infrastructure.verbs import HOST_DRAIN
from apps.lifecycle import push
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import Change


@changes(HOST_DRAIN)
def drain_host(change: Change[Host]) -> Operation:
    """Close a host for new VMs and move its VMs to other hosts of the cluster. From here on it is in maintenance."""
    host = change.row
    operation = change.request()
    operation.result = {BEFORE: state_before(host), "vms": vms_of(host).count()}
    operation.save(update_fields=["result"])
    Host.objects.filter(pk=host.pk).update(accepts_vms=False, in_maintenance=True)
    push.resource_changed(host)
    return operation
