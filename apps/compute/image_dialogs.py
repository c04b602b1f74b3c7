"""The dialogs about images: from a VM, to a base image, and their traits. Rules are the services'."""

from __future__ import annotations

from collections.abc import Sequence

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.labels import MAX_NAME
from apps.compute.models import Image, Vm
from apps.portal.forms import RowForm
from apps.storage.forms import SnapshotOfForm
from apps.storage.models import Disk


class CreateImageForm(SnapshotOfForm):
    """Name and description of an image of a VM."""

    def says(self) -> Sequence[str]:
        """Say what is copied, and in which state the data will be."""
        vm = self.row
        if not isinstance(vm, Vm):
            return []
        size = Disk.objects.filter(vm=vm, role=Disk.Role.SYSTEM).values_list("size_gib", flat=True).first()
        return [
            _("The system disk (%(size)s GiB) is copied to a new image. Data disks are not included.")
            % {"size": size or 0},
            self._state_of_data(vm),
            _("The VM can be used meanwhile, but not deleted."),
        ]

    def _state_of_data(self, vm: Vm) -> str:
        if not vm.is_on:
            return _("The VM is stopped, so its data is consistent.")
        if vm.image is not None and vm.image.guest_agent:
            return _("The guest agent freezes the file systems for a moment.")
        return _(
            "Without a guest agent, the image is as after a power cut. To avoid this, stop the VM first."
        )


class CopyToBaseForm(RowForm):
    """Name and description of the base image; proposes the image's."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=MAX_NAME)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=255, required=False)


class ImageTraitsForm(RowForm):
    os_family = forms.ChoiceField(label=gettext_lazy("OS family"), choices=Image.Family.choices)
    os_name = forms.CharField(label=gettext_lazy("Operating system"), max_length=MAX_NAME, required=False)
    cloud_init = forms.BooleanField(label=gettext_lazy("Supports cloud-init"), required=False)
    guest_agent = forms.BooleanField(label=gettext_lazy("Guest agent installed"), required=False)
    hot_upgrade = forms.BooleanField(label=gettext_lazy("Supports CPU and memory hot-add"), required=False)
    uefi = forms.BooleanField(label=gettext_lazy("Boots with UEFI"), required=False)
    secure_boot = forms.BooleanField(label=gettext_lazy("Boots with Secure Boot"), required=False)

    def says(self) -> Sequence[str]:
        """Say what changes for whom."""
        return [_("New VMs get the firmware set here. Existing VMs keep theirs.")]
