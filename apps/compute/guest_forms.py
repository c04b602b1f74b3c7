"""What is asked for when something inside a VM's guest is changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.accounts.access import visible
from apps.api import limits
from apps.compute import selectors
from apps.compute.models import Image, KeyPair
from apps.compute.services.guest_password import USERS, family_of, generated_password
from apps.compute.services.user_data import MOST_ENCODED, UserDataEncoding
from apps.network.models import Eip
from apps.portal.forms import RowForm
from apps.storage.models import Snapshot


class ShownPassword(forms.PasswordInput):
    """A password that can be read while it is typed; nobody else types it again."""

    input_type = "text"

    def __init__(self) -> None:
        super().__init__(
            attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false", "class": "mono"},
            render_value=True,
        )


class ResetPasswordForm(RowForm):
    """The new password; one is proposed."""

    password = forms.CharField(
        label=gettext_lazy("New password"),
        max_length=limits.PASSWORD,
        strip=False,
        widget=ShownPassword(),
        help_text=gettext_lazy("A random password is suggested. Copy it now: it is not shown again."),
    )

    def prepare(self) -> None:
        """Propose a password."""
        self.initial["password"] = generated_password()

    def says(self) -> Sequence[Any]:
        """Say what it needs, where something is known to be missing."""
        image = self.row.image if self.row is not None else None
        if image is None or image.guest_agent:
            return []
        return [_("Image %(name)s is not marked as having a guest agent.") % {"name": image.name}]


def resetting(vm: Any) -> list[str]:
    """Say whose password it is and how it gets there."""
    return [
        _("The guest agent sets the password of %(user)s. The VM keeps running.")
        % {"user": USERS[family_of(vm)]},
        _("The password is not stored. Other users of the guest and SSH keys do not change."),
    ]


class ReinstallForm(RowForm):
    """The image, and what a new VM is asked for its first boot."""

    image = forms.TypedChoiceField(
        label=gettext_lazy("Image"),
        coerce=UUID,
        widget=forms.Select(attrs={"autofocus": True}),  # so that the dialog is read from its top
        help_text=gettext_lazy("Images of the same OS family and CPU architecture."),
    )
    disk_gib = forms.IntegerField(
        label=gettext_lazy("System disk (GiB)"), min_value=1, max_value=limits.INTEGER, required=False
    )
    key_pairs = forms.TypedMultipleChoiceField(
        label=gettext_lazy("SSH keys"), coerce=UUID, required=False, widget=forms.CheckboxSelectMultiple
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=limits.PASSWORD,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Password of root. The platform does not store it."),
    )
    user_data = forms.CharField(
        label=gettext_lazy("User data"),
        max_length=MOST_ENCODED,
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "mono"}),
        help_text=gettext_lazy("A script (#!) or #cloud-config, run at the first boot. At most 64 KiB."),
    )
    user_data_encoding = forms.ChoiceField(
        label=gettext_lazy("Encoding of user data"),
        choices=UserDataEncoding.choices,
        initial=UserDataEncoding.PLAIN,
        required=False,
    )
    delete_snapshots = forms.BooleanField(
        label=gettext_lazy("Delete the snapshots of the system disk as well"), required=False
    )

    def prepare(self) -> None:
        """Offer what the VM can be reinstalled from; ask of snapshots only where there are any."""
        vm = self.row
        if vm is None:
            return
        self._offer_images()
        keys = visible(self.actor, KeyPair.objects.filter(tenant=vm.tenant)).order_by("name")
        self._choices("key_pairs", [(key.pk, key.name) for key in keys])
        if not keys:
            del self.fields["key_pairs"]
        if family_of(vm) == Image.Family.WINDOWS:
            del self.fields["password"]  # its guests take one from user data only
        disk = vm.system_disk
        self.fields["disk_gib"].help_text = _("Leave empty for the present size, %(size)s GiB.") % {
            "size": f"{disk.size_gib:,}" if disk else "–"
        }
        if not self._snapshots():
            del self.fields["delete_snapshots"]

    def clean_user_data_encoding(self) -> str:
        """Return plain text where nothing was chosen."""
        return self.cleaned_data["user_data_encoding"] or UserDataEncoding.PLAIN

    def says(self) -> Sequence[Any]:
        """Say how many snapshots there are."""
        count = self._snapshots()
        text = ngettext("The system disk has %(n)s snapshot.", "The system disk has %(n)s snapshots.", count)
        return [text % {"n": count}] if count else []

    def _offer_images(self) -> None:
        vm = self.row
        images = selectors.ready_images(self.actor, vm.tenant_id).filter(
            os_family=family_of(vm), architecture=vm.cluster.architecture, region=vm.region
        )
        self._choices("image", [(image.pk, _described(image)) for image in images])
        self.initial["image"] = vm.image_id

    def _choices(self, name: str, choices: Sequence[tuple[Any, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = list(choices)

    def _snapshots(self) -> int:
        disk = self.row.system_disk if self.row is not None else None
        return Snapshot.objects.filter(disk=disk).count() if disk is not None else 0


def _described(image: Image) -> str:
    system = f" · {image.os_name}" if image.os_name else ""
    least = _("at least %(size)s GiB") % {"size": f"{image.min_disk_gib:,}"}
    return f"{image.name}{system} · {least}"


def reinstalling(vm: Any) -> list[str]:
    """Say what is lost, what stays, and what is asked for anew."""
    disk = next((disk for disk in vm.shown_disks if disk.is_system), None)
    kept = [_("Name, NICs, addresses, security groups and data disks do not change.")]
    if any(eip.delivery == Eip.Delivery.GUEST for eip in vm.shown_eips):
        kept.append(_("EIPs delivered in the guest need an image with a guest agent."))
    return [
        _("All data on the system disk is lost: %(disk)s.")
        % {"disk": f"{disk.name} ({disk.size_gib:,} GiB)" if disk else "–"},
        *kept,
        _("Set SSH keys, password and user data again: the present ones are not used."),
        _("The VM stays stopped. If reinstalling fails, the VM keeps its present system disk."),
    ]
