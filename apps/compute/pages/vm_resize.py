"""What a VM's page says of a size that waits for its next restart."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.compute.models import Vm
from apps.compute.services.resize import shown
from apps.portal.detail import DetailPage, Notice


def resize_notice(page: DetailPage, row: Vm) -> Notice | None:
    """Name the size that was prepared, and what can be done with it; None when there is none."""
    if row.resize is None or row.resize_host_id is not None:
        return None
    discard = (_("Discard"), page.of.url(page.area, "discard_resize", row))
    if not row.is_on:
        return Notice(
            _("A resize to %(size)s is prepared. It takes effect at the next start.")
            % {"size": shown(row.resize)},
            [discard],
        )
    restart = (_("Restart now"), page.of.url(page.area, "restart", row))
    if row.resize_unsettled:
        return Notice(
            _("Adding vCPUs and memory did not finish. The VM gets %(size)s at its next restart.")
            % {"size": shown(row.resize)},
            [restart],
        )
    return Notice(
        _("A resize to %(size)s is prepared. It takes effect at the next restart.")
        % {"size": shown(row.resize)},
        [restart, discard],
    )
