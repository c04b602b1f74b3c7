"""What an image says of the system in it. Forms and rules go by that."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.acts import changes
from apps.accounts.labels import MAX_NAME
from apps.accounts.single_line import clean_line
from apps.compute.models import Image
from apps.compute.verbs import IMAGE_EDIT_TRAITS
from apps.infrastructure.models import ComputeCluster
from apps.lifecycle import push
from apps.lifecycle.errors import Invalid
from apps.lifecycle.models import Resource
from apps.lifecycle.requests import Change


@changes(IMAGE_EDIT_TRAITS, shared=True)
def edit_traits(
    change: Change[Image],
    *,
    os_family: str | None = None,
    os_name: str | None = None,
    cloud_init: bool | None = None,
    guest_agent: bool | None = None,
    hot_upgrade: bool | None = None,
    uefi: bool | None = None,
    secure_boot: bool | None = None,
) -> Image:
    """Set the traits that are given; return the image. VMs keep the firmware they were created with. Raises Invalid."""
    image = change.row
    given: dict[str, Any] = {
        "os_family": os_family,
        "os_name": None if os_name is None else clean_line("os_name", os_name, MAX_NAME),
        "cloud_init": cloud_init,
        "guest_agent": guest_agent,
        "hot_upgrade": hot_upgrade,
        "uefi": uefi,
        "secure_boot": secure_boot,
    }
    new = {name: value for name, value in given.items() if value not in (None, getattr(image, name))}
    for name, value in new.items():
        setattr(image, name, value)
    check_family(image.os_family)
    check_firmware(image.architecture, uefi=image.uefi, secure_boot=image.secure_boot)
    if new:
        Image.objects.filter(pk=image.pk).update(**new)
        Resource.objects.filter(pk=image.pk).update(updated_at=timezone.now())
        change.record(args=new)
        push.resource_changed(image)
    return image


def check_family(os_family: str) -> None:
    """Raise Invalid for an OS family that there is not."""
    if os_family not in Image.Family.values:
        raise Invalid({"os_family": [_("Unknown OS family.")]})


def check_firmware(architecture: str, *, uefi: bool, secure_boot: bool) -> None:
    """Raise Invalid for firmware that no host has."""
    if secure_boot and architecture != ComputeCluster.Architecture.X86:
        raise Invalid({"secure_boot": [_("Secure Boot is available for x86 images only.")]})
    if secure_boot and not uefi:
        raise Invalid({"secure_boot": [_("Secure Boot needs UEFI.")]})
