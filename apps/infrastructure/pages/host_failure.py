"""What happens if a host dies: said beforehand on its page, and where an administrator acts."""

from __future__ import annotations

from typing import Any

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.infrastructure.failed_hosts import most_are_silent
from apps.infrastructure.maintenance import is_spared
from apps.infrastructure.models import Failure, Host
from apps.infrastructure.storage_fencing import storage_fencing
from apps.infrastructure.survival import Survival, survival
from apps.lifecycle.stored_messages import rendered_message
from apps.portal.detail import Properties, Property
from apps.portal.html import moment

#: `Vm.ha_priority` of those that are not started elsewhere. VMs stand above hosts: their model is not imported here.
_NONE = 0


def if_it_dies(host: Any) -> list[tuple[str, str]]:
    """Return the answer as lines, each with its tone."""
    if host.in_maintenance and Host.objects.filter(is_spared(), pk=host.pk).exists():
        return [("ok", _("In maintenance without VMs: it can be powered off or rebooted, nothing happens."))]
    return [_certainty(host), *_vms(host), _room(host)]


def fencing_plan(host: Any) -> list[str]:
    """Say what fencing does."""
    if hasattr(host, "controller"):
        how = _("%(name)s is powered off at once by its management controller.")
    else:
        how = _("Ceph refuses everything that %(name)s sends. VMs that still run there lose their disks.")
    return [how % {"name": host.name}, *_recovered(host)]


def confirming_plan(host: Any) -> list[str]:
    """Say what the confirmation means."""
    return [
        _("You confirm that %(name)s has no power, or that its disks are unplugged.") % {"name": host.name},
        _("If it still runs, its VMs run twice and their data is damaged."),
        *_recovered(host),
    ]


def controller_properties(host: Host) -> Properties:
    """Return how the host's management controller is reached, and what it said last."""
    known = getattr(host, "controller", None)
    if known is None:
        return Properties(_("Failure"), [_liveness(host), Property(_("Management controller"), _("none"))])
    wrong = rendered_message(known.check_error, "message")
    return Properties(
        _("Failure"),
        [
            _liveness(host),
            Property(_("Management controller"), known.url),
            Property(_("Power state reported"), wrong or known.power or _("not asked yet")),
            Property(_("Last check"), moment(known.checked_at)),
        ],
    )


def survival_text(found: Survival) -> str:
    """Say whether a cluster survives the loss of hosts."""
    if found.survives:
        return _("yes")
    if found.hosts <= found.lost:
        return _("no: too few hosts")
    return _("no: %(memory)s GiB of memory and %(vcpu)s vCPUs are missing") % {
        "memory": f"{found.memory_missing_mib / 1024:.4g}",
        "vcpu": found.vcpu_missing,
    }


def _liveness(host: Host) -> Property:
    return Property(_("Heartbeats"), host.get_liveness_display())


def _recovered(host: Any) -> list[str]:
    count = host.vms.exclude(ha_priority=_NONE).count()
    if not count:
        return []
    text = ngettext(
        "%(n)s VM is started on other hosts.", "%(n)s VMs are started on other hosts, by HA priority.", count
    )
    return [text % {"n": count}]


def _certainty(host: Any) -> tuple[str, str]:
    if host.failure == Failure.OFF:
        return "warn", _(
            "The host is off. VMs that had no room elsewhere are started as soon as there is some."
        )
    if host.failure == Failure.RETURNING:
        return "warn", _("The host is being taken back. Until then no VM leaves it.")
    known = getattr(host, "controller", None)
    if known is not None and not known.check_error:
        return _unless_stopped(
            host, _("It is powered off by its management controller, then its VMs are started elsewhere.")
        )
    if not storage_fencing(host).obstacle:
        return _unless_stopped(
            host, _("Ceph refuses everything that it sends, then its VMs are started elsewhere.")
        )
    if known is None:
        return "warn", _(
            "It has no management controller: an administrator must confirm that the host is off."
        )
    return "warn", _(
        "Its management controller cannot be used: an administrator must confirm that it is off."
    )


def _unless_stopped(host: Any, what: str) -> tuple[str, str]:
    """Return what the platform does by itself, unless it does nothing by itself now."""
    if not host.cluster.failover:
        return "warn", _(
            "Automatic failover is disabled in the cluster. An administrator powers the host off."
        )
    spared = Host.objects.filter(is_spared(), cluster=host.cluster_id)
    liveness = (
        Host.objects.filter(cluster=host.cluster_id)
        .exclude(failure=Failure.OFF)
        .exclude(pk__in=spared.values("pk"))
        .values_list("liveness", flat=True)
    )
    if most_are_silent(liveness):
        return "error", _("Automatic failover has stopped: most hosts of the cluster are silent at once.")
    return "ok", what


def _vms(host: Any) -> list[tuple[str, str]]:
    counts = dict(host.vms.order_by().values_list("ha_priority").annotate(Count("pk")))
    staying = counts.pop(_NONE, 0)
    moving = sum(counts.values())
    lines = []
    if moving:
        text = ngettext("%(n)s VM is started elsewhere.", "%(n)s VMs are started elsewhere.", moving)
        lines.append(("ok", text % {"n": moving}))
    if staying:
        text = ngettext(
            "%(n)s VM waits for this host: it has no HA priority.",
            "%(n)s VMs wait for this host: they have no HA priority.",
            staying,
        )
        lines.append(("warn", text % {"n": staying}))
    return lines or [("ok", _("No VMs are on this host."))]


def _room(host: Any) -> tuple[str, str]:
    found = survival(host.cluster, 1)
    if found.survives:
        return "ok", _("The other hosts have room for all VMs of the cluster.")
    return "warn", _("The other hosts do not have room for all VMs of the cluster.")
