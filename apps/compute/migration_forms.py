"""The dialog that moves a VM to another host."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.compute.models import Vm
from apps.compute.platform_settings import MIGRATION_MINUTES
from apps.compute.services.migration import why_not_chosen
from apps.infrastructure.models import Host
from apps.portal.forms import RowForm
from apps.portal.selects import SelectWithReasons

#: Of more hosts, those with most free memory are offered; the API takes any.
MOST_OFFERED = 200


class MigrateForm(RowForm):
    """To which host a VM is migrated; of several VMs the platform chooses each one's."""

    host = forms.TypedChoiceField(
        label=gettext_lazy("Host"),
        coerce=UUID,
        required=False,
        empty_value=None,
        widget=SelectWithReasons(),
    )

    def prepare(self) -> None:
        """Offer the hosts of the cluster with what is free on each, and say why the others cannot take it."""
        field = self.fields["host"]
        assert isinstance(field, forms.TypedChoiceField) and isinstance(field.widget, SelectWithReasons)
        vm = self.row
        if vm is None or vm.host_id is None:
            del self.fields["host"]
            return
        self.initial.pop("host", None)  # where it is
        others = Host.objects.select_related("cluster").filter(cluster=vm.cluster_id).exclude(pk=vm.host_id)
        hosts = sorted(others, key=lambda host: host.memory_reserved_mib - host.memory_capacity_mib)
        home = Host.objects.select_related("cluster").get(pk=vm.host_id)
        reasons = {str(h.pk): why for h in hosts[:MOST_OFFERED] if (why := why_not_chosen(vm, home, h))}
        hosts.sort(key=lambda host: str(host.pk) in reasons)
        named = [(host.pk, _described(host)) for host in hosts[:MOST_OFFERED]]
        field.choices = [("", _("Chosen by the platform")), *named]
        field.widget.reasons = reasons
        if not named:
            field.help_text = _("The cluster has no other host.")

    def says(self) -> list[Any]:
        """Say what happens to the guest."""
        if self.row is not None and not self.row.is_on:
            return [_("The VM is stopped: only its definition moves. Its disks stay where they are.")]
        return [
            _("The guest keeps running and keeps its connections. It is paused for a moment at the end."),
            _("Open consoles are disconnected."),
            _("If it does not finish within %(minutes)s minutes, it is cancelled and the VM stays.")
            % {"minutes": MIGRATION_MINUTES.value()},
        ]


def _described(host: Host) -> str:
    return _("%(name)s (%(vcpu)s vCPUs and %(memory)s GiB free)") % {
        "name": host.name,
        "vcpu": max(0, host.vcpu_capacity - host.vcpu_reserved),
        "memory": max(0, host.memory_capacity_mib - host.memory_reserved_mib) // 1024,
    }


def moving(vm: Vm) -> list[str]:
    """Say where the VM is now."""
    return [_("%(name)s is on host %(host)s.") % {"name": vm.name, "host": vm.host.name}] if vm.host else []
