"""Guarding the host against a NIC that was plugged into a running VM.

libvirt calls the host's hooks when a VM starts, and none when a NIC is plugged in: the agent runs the same programs.
"""

from contextlib import suppress
from typing import Any

from apps.drivers import tools
from apps.drivers.errors import DriverError
from apps.drivers.hypervisor_errors import unguarded_nic

GUARD = "/usr/local/lib/scloud/guard-taps"
LIMIT = "/etc/libvirt/hooks/qemu.d/limit-nics"
LIMITS = tools.Limits(seconds=20)
MOST_WORDS = 200


def guard(vm_id: str, domain: Any) -> None:
    """Drop what the VM's taps send to the host itself, and limit their packets; raise when the first fails."""
    try:
        done = tools.run(GUARD, limits=LIMITS)
    except DriverError as error:
        raise unguarded_nic(vm_id, error.message) from error
    if done.status != 0:
        raise unguarded_nic(vm_id, " ".join(done.errors.split())[:MOST_WORDS])
    # As at a start: a limit that cannot be set is no reason to refuse the NIC.
    with suppress(DriverError):
        tools.run(LIMIT, domain.name(), "started", limits=LIMITS, text=domain.XMLDesc(0))
