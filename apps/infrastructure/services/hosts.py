"""Hosts: opened and closed for new VMs."""

from __future__ import annotations

from apps.accounts.acts import changes
from apps.infrastructure import enrolment  # noqa: F401  its services are hosts', looked for here
from apps.infrastructure.models import Host
from apps.infrastructure.verbs import HOST_CLOSE, HOST_OPEN
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


def _set_accepting(change: Change[Host], accepts: bool) -> Host:
    host = change.row
    Host.objects.filter(pk=host.pk).update(accepts_vms=accepts)
    host.accepts_vms = accepts
    change.record()
    push.resource_changed(host)
    return host
