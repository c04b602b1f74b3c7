"""Compute's forms. They check shape only; rules live in the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.compute import selectors
from apps.compute.models import Image, InstanceType, KeyPair
from apps.compute.models.image import DEFAULT_DISK_GIB
from apps.compute.services.planning import MOST_AT_ONCE
from apps.infrastructure.models import ComputeCluster, StorageCluster
from apps.lifecycle.models import State
from apps.network.models import SecurityGroup, Subnet
from apps.portal.forms import KitForm
from apps.tenancy.access import visible, visible_projects
from apps.tenancy.models import Project


class ProjectForm(KitForm):
    """Asks in which project something is created."""

    project = forms.ModelChoiceField(
        Project.objects.none(), label=_("Project"), to_field_name="uid", empty_label=None
    )

    def prepare(self) -> None:
        """Offer the projects the actor may create in."""
        projects = visible_projects(self.actor, "manage")
        self.fields["project"].queryset = projects  # type: ignore[attr-defined]
        self.fields["project"].initial = projects.first()


class _TypeField(forms.ModelChoiceField):  # type: ignore[type-arg]  # no generic at run time
    def label_from_instance(self, obj: Any) -> str:
        """Size first, since that is what one looks for."""
        return f"{obj.name} — {obj.vcpu} vCPU, {obj.memory_gib} GiB · {obj.cluster} · {obj.cluster.region}"


class _ImageField(forms.ModelChoiceField):  # type: ignore[type-arg]  # no generic at run time
    def label_from_instance(self, obj: Any) -> str:
        """Name, system and where it is."""
        return " · ".join(filter(None, (obj.name, obj.os_name, str(obj.region))))


class _SubnetField(forms.ModelChoiceField):  # type: ignore[type-arg]  # no generic at run time
    def label_from_instance(self, obj: Any) -> str:
        """With the VPC it is in."""
        return f"{obj.vpc.name} / {obj.name} — {obj.cidr} · {obj.region}"


class VmForm(ProjectForm):
    name = forms.CharField(label=_("Name"), max_length=63)
    count = forms.IntegerField(
        label=_("How many"),
        min_value=1,
        max_value=MOST_AT_ONCE,
        initial=1,
        help_text=_("Several are numbered: web-1, web-2 …"),
    )
    remark = forms.CharField(label=_("Remark"), max_length=255, required=False)
    image = _ImageField(Image.objects.none(), label=_("Image"), empty_label=None)
    instance_type = _TypeField(InstanceType.objects.none(), label=_("Instance type"), empty_label=None)
    disk_gib = forms.IntegerField(
        label=_("System disk (GiB)"),
        min_value=1,
        required=False,
        help_text=_("Left empty, as large as the image suggests."),
    )
    subnet = _SubnetField(Subnet.objects.none(), label=_("Subnet"), empty_label=None)
    security_group = forms.ModelChoiceField(
        SecurityGroup.objects.none(),
        label=_("Security group"),
        required=False,
        empty_label=_("none: nothing is filtered"),
    )
    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Of root or Administrator. It is not kept."),
    )
    key_pairs = forms.ModelMultipleChoiceField(
        KeyPair.objects.none(), label=_("SSH keys"), required=False, widget=forms.CheckboxSelectMultiple
    )
    hostname = forms.CharField(
        label=_("Host name"), max_length=63, required=False, help_text=_("Left empty, made from the name.")
    )
    user_data = forms.CharField(
        label=_("User data"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text=_("A script (#!) or #cloud-config, run at the first boot."),
    )

    def prepare(self) -> None:
        """Offer what the actor's tenant may use; the first of each is chosen, so that a name is enough."""
        super().prepare()
        tenant = self.actor.tenant
        if tenant is None:
            return
        ready = {"tenant": tenant, "state": State.READY}
        types = selectors.usable_types(tenant.pk)
        subnets = visible(self.actor, Subnet.objects.filter(**ready)).select_related("vpc", "region")
        groups = visible(self.actor, SecurityGroup.objects.filter(**ready)).order_by("created_at")
        offered = {
            "instance_type": types,
            "image": selectors.ready_images(self.actor, tenant.pk),
            "subnet": subnets.order_by("created_at"),
            "security_group": groups,
            "key_pairs": visible(self.actor, KeyPair.objects.filter(tenant=tenant)),
        }
        for name, rows in offered.items():
            self.fields[name].queryset = rows  # type: ignore[attr-defined]
        self.fields["security_group"].initial = groups.first()

    def clean(self) -> dict[str, Any]:
        """Turn rows into what the service takes: ids."""
        data = super().clean() or {}
        for name in ("instance_type", "image", "subnet", "security_group"):
            if data.get(name) is not None:
                data[name] = data[name].pk
        data["key_pairs"] = [key.pk for key in data.get("key_pairs") or ()]
        if data.get("project") is not None:
            data["project"] = data["project"].uid
        return data


class SecurityGroupForm(KitForm):
    """For an existing VM: which group its internal NIC is in."""

    security_group = forms.ModelChoiceField(
        SecurityGroup.objects.none(),
        label=_("Security group of the internal NIC"),
        required=False,
        empty_label=_("none: nothing is filtered"),
    )

    def prepare(self) -> None:
        """Offer the groups the actor sees; the service refuses those of another region or tenant."""
        groups = visible(self.actor, SecurityGroup.objects.filter(state=State.READY)).order_by("name")
        self.fields["security_group"].queryset = groups  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Give the service the group's id."""
        data = super().clean() or {}
        group = data.get("security_group")
        data["security_group"] = group.pk if group else None
        return data


class KeyPairForm(ProjectForm):
    name = forms.CharField(label=_("Name"), max_length=63)
    public_key = forms.CharField(
        label=_("Public key"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=_(
            "The content of your .pub file. Left empty, a pair is made and its private key shown once."
        ),
    )
    remark = forms.CharField(label=_("Remark"), max_length=255, required=False)
    field_order = ("name", "public_key", "remark", "project")


class ImageForm(KitForm):
    name = forms.CharField(label=_("Name"), max_length=63)
    cluster = forms.ModelChoiceField(
        StorageCluster.objects.none(), label=_("Storage cluster"), empty_label=None
    )
    file = forms.CharField(
        label=_("File"),
        max_length=255,
        help_text=_("Name of a file in the pool's import directory: qcow2, raw, VMDK, VHD or VDI."),
    )
    os_family = forms.ChoiceField(label=_("OS family"), choices=Image.Family.choices)
    os_name = forms.CharField(label=_("Operating system"), max_length=63, required=False)
    architecture = forms.ChoiceField(label=_("CPU architecture"), choices=ComputeCluster.Architecture.choices)
    default_disk_gib = forms.IntegerField(
        label=_("Suggested system disk (GiB)"), min_value=1, initial=DEFAULT_DISK_GIB
    )
    cloud_init = forms.BooleanField(
        label=_("Reads first-boot data (cloud-init)"), required=False, initial=True
    )
    guest_agent = forms.BooleanField(label=_("Has the guest agent"), required=False)
    hot_upgrade = forms.BooleanField(label=_("Takes CPU and memory while running"), required=False)
    remark = forms.CharField(label=_("Remark"), max_length=255, required=False)

    def prepare(self) -> None:
        """Offer the storage clusters."""
        clusters = StorageCluster.objects.select_related("region")
        self.fields["cluster"].queryset = clusters  # type: ignore[attr-defined]


class InstanceTypeForm(KitForm):
    cluster = forms.ModelChoiceField(
        ComputeCluster.objects.none(), label=_("Compute cluster"), empty_label=None
    )
    vcpu = forms.IntegerField(label=_("vCPUs"), help_text=_("1 or an even number up to 240."))
    memory_gib = forms.IntegerField(label=_("Memory (GiB)"), help_text=_("1 or an even number up to 1024."))
    name = forms.CharField(
        label=_("Name"), max_length=63, required=False, help_text=_("Left empty, for example 2C4G.")
    )

    def prepare(self) -> None:
        """Offer the clusters."""
        clusters = ComputeCluster.objects.select_related("region")
        self.fields["cluster"].queryset = clusters  # type: ignore[attr-defined]
