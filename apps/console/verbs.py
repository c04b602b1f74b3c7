"""The console's one verb."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from apps.compute.models import Power, Vm
from apps.lifecycle.verbs import Text, Verb, declare


def has_screen(vm: Vm) -> bool:
    """Whether the VM is wanted on, or still seen running."""
    return Power.ON in (vm.power, vm.power_seen)


def must_be_on(vm: Vm) -> Text | None:
    """A VM that is off has no screen. One that is starting will have one in a moment, one that shuts down still has."""
    return None if has_screen(vm) else _("The VM is stopped. Start it first.")


#: Not exclusive: one looks at a screen while the VM starts, grows a disk or is moved.
VM_CONSOLE = declare(
    Verb(
        "vm.console",
        label=_("Console"),
        doing=_("Opening the console"),
        permission="operate",
        obstacle=must_be_on,
        exclusive=False,
        inside=True,
        is_task=False,
        deadline=timedelta(seconds=60),
        icon="terminal-2",
    )
)
