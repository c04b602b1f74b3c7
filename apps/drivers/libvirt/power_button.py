"""Asking guests to shut down, as by the button of a computer."""

import time
from typing import Any

import libvirt

PRESS_SECONDS = 15.0
"""The power button is not pressed again sooner: some guests take a second press for "cancel"."""


class PowerButton:
    """The buttons of all VMs of a host."""

    def __init__(self) -> None:
        self._pressed: dict[str, float] = {}

    def press(self, vm_id: str, domain: Any) -> None:
        """Press the button of a running VM, unless it was pressed a moment ago."""
        now = time.monotonic()
        if not domain.isActive() or now - self._pressed.get(vm_id, -PRESS_SECONDS) < PRESS_SECONDS:
            return
        self._pressed[vm_id] = now
        try:
            domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:
                raise

    def forget(self, vm_id: str) -> None:
        """Let the next press count at once: the VM is started, or is gone."""
        self._pressed.pop(vm_id, None)
