"""Hosts: opened and closed for new VMs, and put back after maintenance."""

from __future__ import annotations

from apps.accounts.acts import changes
from apps.infrastructure import enrolment  # noqa: F401  its services are hosts', looked for here
from apps.infrastructure.models import Host
from apps.infrastructure.verbs import HOST_CLOSE, HOST_OPEN, HOST_PUT_BACK
from apps.lifecycle import push
from apps.lifecycle.requests import Change


@changes(HOST_OPEN)
def open_host(change: Change[Host]) -> Host:
    """Let a host take new VMs."""
    return _set_accepting(change, True)


@changes(HOST_CLOSE)
def close_host(change: Change[Host]) -> Host:
    """Let a host take no more new VMs; those on it stay."""
    return _set_accepting(change, False)


@changes(HOST_PUT_BACK)
def put_host_back(change: Change[Host]) -> Host:
    """End a host's maintenance: it takes VMs again."""
    Host.objects.filter(pk=change.row.pk).update(in_maintenance=False)
    change.row.in_maintenance = False
    return _set_accepting(change, True)


def _set_accepting(change: Change[Host], accepts: bool) -> Host:
    host = change.row
    Host.objects.filter(pk=host.pk).update(accepts_vms=accepts)
    host.accepts_vms = accepts
    change.record()
    push.resource_changed(host)
    return host
