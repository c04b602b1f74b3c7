"""What a VM template keeps of the choices of a new VM, and what becomes of them in a call that names the template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.utils.translation import gettext as _

from apps.compute import selectors
from apps.compute.models import Image, InstanceType, KeyPair, Vm
from apps.compute.models.vm_template import VmTemplateVersion
from apps.infrastructure.models import StorageCluster
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid
from apps.network.models import Eip, ExternalSegment, NicRole, SecurityGroup, Subnet
from apps.storage.models import Disk

#: What is kept. A name, a password, user data and an EIP belong to one VM, or to nobody else.
FIELDS = (
    "instance_type",
    "image",
    "subnet",
    "security_group",
    "external_security_group",
    "new_eip",
    "eip_delivery",
    "disk_gib",
    "disk_cluster",
    "data_disks",
    "key_pairs",
)
#: Of these null is a choice: no security group.
GROUPS = ("security_group", "external_security_group")
#: What a call of a new VM must have, from itself or from its template.
NEEDED = ("instance_type", "image", "subnet")

#: Field → what it refers to.
_REFERENCES: dict[str, type[Model]] = {
    "instance_type": InstanceType,
    "image": Image,
    "subnet": Subnet,
    "security_group": SecurityGroup,
    "external_security_group": SecurityGroup,
    "disk_cluster": StorageCluster,
}


def kept(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a template keeps of a call, ready for JSON."""
    found = {name: _plain(asked[name]) for name in FIELDS if name in asked}
    return {name: value for name, value in found.items() if value not in (None, "", []) or name in GROUPS}


def choices_of(vm: Vm) -> dict[str, Any]:
    """Return the choices that a VM stands for: what it is now, with those of its SSH keys that still exist."""
    nics = list(vm.nics.all())
    nic = next((each for each in nics if each.role == NicRole.INTERNAL), None)
    external = next((each for each in nics if each.role == NicRole.EXTERNAL), None)
    disks = list(Disk.objects.filter(vm=vm).order_by("slot"))
    system = next((disk for disk in disks if disk.is_system), None)
    keys = [key["id"] for key in vm.key_pairs]
    eip = Eip.objects.filter(carrier=vm.pk, segment__isnull=False).order_by("bound_at").first()
    return kept(
        {
            "instance_type": vm.instance_type_id,
            "image": vm.image_id,
            "subnet": nic and nic.subnet_id,
            "security_group": nic and nic.security_group_id,
            "external_security_group": external and external.security_group_id,
            "new_eip": eip and {"segment": eip.segment_id, "mbit": eip.mbit},
            "eip_delivery": eip and eip.delivery,
            "disk_gib": system and system.size_gib,
            "disk_cluster": system and system.cluster_id,
            "data_disks": [
                {"size_gib": disk.size_gib, "cluster": disk.cluster_id}
                for disk in disks
                if not disk.is_system
            ],
            "key_pairs": list(KeyPair.objects.filter(pk__in=keys).values_list("pk", flat=True)),
        }
    )


def names_of(choices: Mapping[str, Any]) -> dict[str, str]:
    """Return field → name of what was chosen, as it is called now."""
    found = {}
    for field, model in _REFERENCES.items():
        if choices.get(field) is not None:
            row = model._default_manager.filter(pk=choices[field]).first()
            found[field] = str(row) if row is not None else ""
    if choices.get("new_eip"):
        segment = ExternalSegment.objects.filter(pk=choices["new_eip"]["segment"]).first()
        found["new_eip"] = segment.name if segment else ""
    if choices.get("key_pairs"):
        rows = KeyPair.objects.filter(pk__in=choices["key_pairs"]).order_by("name")
        found["key_pairs"] = ", ".join(rows.values_list("name", flat=True))
    return {field: name for field, name in found.items() if name}


def gone_of(version: VmTemplateVersion) -> dict[str, str]:
    """Return field → name of what was chosen and no longer exists: a constant number of queries."""
    choices, gone = version.choices, {}
    for field, model in _REFERENCES.items():
        key = choices.get(field)
        if key is not None and not model._default_manager.filter(pk=key).exists():
            gone[field] = version.names.get(field, str(key))
    eip = choices.get("new_eip")
    if eip and not ExternalSegment.objects.filter(pk=eip["segment"]).exists():
        gone["new_eip"] = version.names.get("new_eip", eip["segment"])
    keys = set(choices.get("key_pairs", ()))
    if keys and KeyPair.objects.filter(pk__in=keys).count() != len(keys):
        gone["key_pairs"] = version.names.get("key_pairs", "")
    clusters = {disk["cluster"] for disk in choices.get("data_disks", ())}
    if clusters and StorageCluster.objects.filter(pk__in=clusters).count() != len(clusters):
        gone["data_disks"] = _("storage cluster")
    return gone


def gone_text(field: str, name: str) -> str:
    """Return what is said of a choice that no longer exists."""
    labels = {
        "instance_type": _("Instance type"),
        "image": _("Image"),
        "subnet": _("Subnet"),
        "security_group": _("Security group"),
        "external_security_group": _("External security group"),
        "disk_cluster": _("Storage cluster of the system disk"),
        "new_eip": _("External segment"),
        "key_pairs": _("SSH keys"),
        "data_disks": _("Data disks"),
    }
    return _("Deleted since the template was saved: %(what)s %(name)s. Choose another one.") % {
        "what": labels[field],
        "name": name,
    }


def version_of(actor: Actor, template: UUID, number: int | None) -> VmTemplateVersion:
    """Return a version of a template, by default the newest. Raises Invalid."""
    row = selectors.visible_vm_templates(actor).filter(pk=template).first()
    if row is None:
        raise Invalid({"template": [_("VM template not found.")]})
    if number is None:
        return row.newest
    found = VmTemplateVersion.objects.filter(template=row.pk, number=number).first()
    if found is None:
        text = _("The template has no version %(number)s. The newest is %(newest)s.")
        raise Invalid({"template_version": [text % {"number": number, "newest": row.version}]})
    return found


def with_template(actor: Actor, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call for new VMs with what it leaves out taken from the template that it names, if it names one.

    Raises Invalid, at its field, for a choice of the template that no longer exists and is not replaced by the call.
    """
    given = dict(asked)
    template, number = given.pop("template", None), given.pop("template_version", None)
    if template is None:
        if number is not None:
            raise Invalid({"template_version": [_("Only with a template.")]})
        return given
    version = version_of(actor, template, number)
    taken = {name: value for name, value in version.choices.items() if not _is_given(given, name)}
    if given.get("eip") is not None:
        taken.pop("new_eip", None)
        taken.pop("eip_delivery", None)
    if wrong := {
        field: [gone_text(field, name)] for field, name in gone_of(version).items() if field in taken
    }:
        raise Invalid(wrong)
    return given | _typed(taken)


def ensure_complete(asked: Mapping[str, Any]) -> None:
    """Raise Invalid where a call has not all that every VM needs, the template's choices included."""
    missing = [name for name in ("name", *NEEDED) if asked.get(name) is None]
    if missing:
        raise Invalid({name: [_("This field is required.")] for name in missing})


def _is_given(given: Mapping[str, Any], name: str) -> bool:
    return name in given and (name in GROUPS or given[name] not in (None, "", []))


def _typed(choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return choices as a call has them once it has been read."""
    found = dict(choices)
    for name in ("image", "subnet", *GROUPS):
        if found.get(name) is not None:
            found[name] = UUID(found[name])
    if "key_pairs" in found:
        found["key_pairs"] = [UUID(key) for key in found["key_pairs"]]
    if "new_eip" in found:
        found["new_eip"] = found["new_eip"] | {"segment": UUID(found["new_eip"]["segment"])}
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
