"""What the console adds to other apps' pages."""

from __future__ import annotations

from apps.console.verbs import VM_CONSOLE
from apps.portal.kinds import Do
from apps.portal.slots import ACTIONS, ActionSlot

ACTIONS.fill(
    ActionSlot("vm", Do(VM_CONSOLE, opens="vm.console", own_tab=True), after="restart", primary=True)
)
