"""Renaming a VM, and moving it to another project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.compute.vm_addresses import named_eips
from apps.portal.movable import MovableForm


class RenameVmForm(MovableForm):
    """Says what is moved with the VM, and what stays where it is."""

    moves = gettext_lazy("Moves the VM, its system disk and the snapshots of that disk to another project.")

    def says(self) -> Sequence[Any]:
        """Name what stays in its project, where the VM can be moved."""
        if "project" not in self.fields:
            return []
        vm = self.row
        kept = [
            *(disk.name for disk in vm.shown_disks if not disk.is_system),
            *vm.elastic_nics.order_by("name").values_list("name", flat=True),
        ]
        eips = named_eips(vm)
        return [
            *(
                [_("Data disks and elastic NICs keep their project: %(names)s.") % {"names": ", ".join(kept)}]
                if kept
                else []
            ),
            *([_("EIPs keep their project: %(eips)s.") % {"eips": eips}] if eips else []),
            _("Subnet and security groups do not change. Quotas are counted for the whole account."),
        ]
