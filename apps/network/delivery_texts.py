"""How an EIP reaches its carrier, and who chose that, in words."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.lifecycle.verbs import Text
from apps.network.models import Eip


def delivery_text(delivery: str, *, chosen: bool, why: Text) -> str:
    """Return the delivery with its reason. `why`: what made the platform choose it, where nobody else did."""
    way = Eip.Delivery(delivery).label
    if chosen:
        return _("%(way)s (chosen)") % {"way": way}
    return _("%(way)s (automatic: %(why)s)") % {"way": way, "why": why} if why else str(way)
