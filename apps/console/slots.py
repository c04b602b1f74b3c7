"""What the console adds to other apps' pages."""

from __future__ import annotations

from apps.console.screenshot_pages import card
from apps.console.verbs import VM_CONSOLE
from apps.portal.kinds import Do
from apps.portal.slots import ACTIONS, CARDS, ActionSlot, CardSlot

ACTIONS.fill(
    ActionSlot("vm", Do(VM_CONSOLE, opens="vm.console", own_tab=True), after="restart", primary=True)
)
CARDS.fill(CardSlot("vm", "console/screenshot_card.html", card))
