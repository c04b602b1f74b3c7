"""What is asked for where VMs and elastic NICs meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from apps.compute.models import Vm
from apps.compute.services.eni_binding import MOST_NICS
from apps.compute.vm_choice import VmChoiceForm
from apps.infrastructure.models import ComputeCluster
from apps.network.models import Eni
from apps.network.verbs.eni import ENI_BIND


def binding(eni: Eni) -> list[str]:
    """Say what binding needs, and what it leaves alone."""
    return [
        _("The VM can be running or stopped."),
        _("The VM’s default egress stays as it is."),
    ]


class BindEniForm(VmChoiceForm):
    """The VM that an elastic NIC, or several, are bound to."""

    verb = ENI_BIND

    def counted(self, vms: QuerySet[Vm]) -> QuerySet[Vm]:
        """Count the elastic NICs of each."""
        return vms.annotate(eni_count=Count("elastic_nics"))

    def full(self, vm: Any) -> str:
        """Return why this VM cannot have it."""
        if self.row is not None and vm.pk == self.row.vm_id:
            return "" if self.row.error else _("has this NIC")
        most = MOST_NICS[ComputeCluster.Architecture(vm.cluster.architecture)]
        return _("already has %(most)s elastic NICs") % {"most": most} if vm.eni_count >= most else ""

    def prepare(self) -> None:
        """Offer the VMs; none is chosen to move a NIC to that is where it should be."""
        super().prepare()
        if self.row is not None and not self.row.error:
            self.initial.pop("vm", None)

    def says(self) -> Sequence[str]:
        """Say what happens to connections when it is moved."""
        if self.row is None or self.row.vm is None:
            return []
        return [_("The NIC is moved from %(name)s. Its connections there end.") % {"name": self.row.vm.name}]
