"""The form of a new VM: everything has a default but the name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.access import visible
from apps.api import limits
from apps.compute import selectors
from apps.compute.data_disk_fields import DataDiskFields
from apps.compute.eip_fields import EipFields
from apps.compute.forms import ProjectForm
from apps.compute.models import Image, InstanceType, KeyPair
from apps.compute.services.create_plan import MOST_AT_ONCE
from apps.compute.services.user_data import MOST_ENCODED, UserDataEncoding
from apps.infrastructure.models import Region
from apps.infrastructure.regions import ranked_regions
from apps.lifecycle.models import State
from apps.network.models import SecurityGroup, Subnet
from apps.network.selectors import visible_subnets
from apps.portal.pickers import Pick, PickField, PickSeveralField
from apps.quotas.forecast import used_by
from apps.quotas.metrics import metrics

#: Set on the input of an image that reads no first-boot data; static/css/create.css hides what would do nothing.
NO_FIRST_BOOT = "no-first-boot"
#: As well, of an image whose guest takes no password from the platform.
OWN_LOGIN = "no-password"
GROUPS = ("security_group", "external_security_group")


class VmForm(EipFields, DataDiskFields, ProjectForm):
    shown_at: ClassVar[Mapping[str, str]] = {
        **DataDiskFields.shown_at,
        "new_eip": "eip",
        "new_eip.segment": "eip",
        "new_eip.mbit": "eip_mbit",
    }

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=63, widget=forms.TextInput(attrs={"autofocus": True})
    )
    count = forms.IntegerField(
        label=gettext_lazy("Number of VMs"),
        min_value=1,
        max_value=MOST_AT_ONCE,
        initial=1,
        help_text=gettext_lazy("Several VMs are numbered: web-1, web-2 …"),
    )
    region = forms.ModelChoiceField(
        Region.objects.none(),
        label=gettext_lazy("Region"),
        to_field_name="name",
        empty_label=None,
        required=False,
        widget=forms.Select(attrs={"data-places": ""}),
    )
    description = forms.CharField(label=gettext_lazy("Description"), max_length=255, required=False)
    image = PickField(
        Image.objects.none(),
        label=gettext_lazy("Image"),
        empty_label=None,
        headings=[gettext_lazy("Minimum disk")],
    )
    instance_type = PickField(
        InstanceType.objects.none(),
        label=gettext_lazy("Instance type"),
        empty_label=None,
        headings=[gettext_lazy("vCPU"), gettext_lazy("Memory")],
    )
    disk_gib = forms.IntegerField(
        label=gettext_lazy("System disk (GiB)"),
        min_value=1,
        max_value=limits.INTEGER,
        required=False,
        help_text=gettext_lazy("Leave empty for the image’s suggested size."),
    )
    subnet = PickField(
        Subnet.objects.none(),
        label=gettext_lazy("Subnet"),
        empty_label=None,
        headings=[gettext_lazy("Free addresses")],
    )
    security_group = PickField(
        SecurityGroup.objects.none(),
        label=gettext_lazy("Security group"),
        required=False,
        blank=True,
        empty_label=gettext_lazy("No security group: all traffic is allowed"),
    )
    external_security_group = PickField(
        SecurityGroup.objects.none(),
        label=gettext_lazy("External security group"),
        required=False,
        blank=True,
        empty_label=gettext_lazy("No security group: all traffic is allowed"),
        help_text=gettext_lazy(
            "The security group of the external NIC covers all EIPs delivered in the guest."
        ),
    )
    key_pairs = PickSeveralField(KeyPair.objects.none(), label=gettext_lazy("SSH keys"), required=False)
    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=limits.PASSWORD,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Password of root. The platform does not store it."),
    )
    hostname = forms.CharField(
        label=gettext_lazy("Hostname"),
        max_length=63,
        required=False,
        help_text=gettext_lazy("Leave empty to use the name."),
    )
    user_data = forms.CharField(
        label=gettext_lazy("User data"),
        max_length=MOST_ENCODED,
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "class": "mono"}),
        help_text=gettext_lazy("A script (#!) or #cloud-config, run at the first boot. At most 64 KiB."),
    )
    user_data_encoding = forms.ChoiceField(
        label=gettext_lazy("Encoding of user data"),
        choices=UserDataEncoding.choices,
        initial=UserDataEncoding.PLAIN,
        required=False,
    )

    def prepare(self) -> None:
        """Offer what the actor's tenant may use, the fitting first of each chosen: a name is enough."""
        super().prepare()
        tenant = self.actor.tenant
        if tenant is None:
            return
        ready = {"tenant": tenant, "state": State.READY}
        types = list(selectors.usable_types(tenant.pk))
        images = selectors.ready_images(self.actor, tenant.pk)
        subnets = visible_subnets(self.actor).filter(**ready).select_related("vpc", "region")
        groups = visible(self.actor, SecurityGroup.objects.filter(**ready)).select_related("region")
        keys = visible(self.actor, KeyPair.objects.filter(tenant=tenant)).order_by("name")
        left = {metric: limit - used for metric, (used, limit) in used_by(tenant.pk).items()}
        self._offer_rows("instance_type", selectors.usable_types(tenant.pk), lambda row: _type(row, left))
        self._offer_rows("image", images, _image)
        self._offer_rows("subnet", subnets.order_by("created_at"), _subnet)
        for name in ("security_group", "external_security_group"):
            self._offer_rows(name, groups.order_by("created_at"), _group)
        self._offer_rows("key_pairs", keys, lambda row: Pick(row.name, row.fingerprint))
        self._say_where_to_make()
        first = self._choose_region(types, left)
        if not self.is_bound:
            self._choose(first)

    def clean(self) -> dict[str, Any]:
        """Turn rows into what the service takes: ids; leave out what the image would never read."""
        data = super().clean() or {}
        data.pop("region", None)
        image = data.get("image")
        if image is not None and not image.cloud_init:
            data |= {"password": "", "key_pairs": [], "user_data": "", "hostname": ""}
        elif image is not None and image.os_family == Image.Family.WINDOWS:
            data["password"] = ""
        if not data.get("user_data"):
            data.pop("user_data_encoding", None)
        elif not data.get("user_data_encoding"):
            data["user_data_encoding"] = UserDataEncoding.PLAIN
        for name in ("instance_type", "image", "subnet", *GROUPS):
            if data.get(name) is not None:
                data[name] = data[name].pk
        for name in GROUPS:
            if name not in self.data:
                data.pop(name, None)  # nothing was chosen: the service takes the default group
        data["key_pairs"] = [getattr(key, "pk", key) for key in data.get("key_pairs") or ()]
        if data.get("project") is not None:
            data["project"] = data["project"].uid
        return data

    def _offer_rows(self, name: str, rows: QuerySet[Any], describe: Any) -> None:
        field = self.fields[name]
        assert isinstance(field, PickField | PickSeveralField)
        field.queryset, field.describe = rows, describe

    def _say_where_to_make(self) -> None:
        for name, kind, label in (
            ("subnet", "vpc", _("Create a VPC with a subnet")),
            ("key_pairs", "key_pair", _("Add an SSH key")),
        ):
            field = self.fields[name]
            assert isinstance(field, PickField | PickSeveralField)
            field.make = (reverse(f"portal:{kind}.create"), label)

    def _choose(self, first: InstanceType | None) -> None:
        """Choose for each field what goes with the type: the first thing of its region."""
        self.fields["instance_type"].initial = first
        place = first.cluster.region_id if first else None
        for name in ("image", "subnet", *GROUPS):
            rows = self.fields[name].queryset  # type: ignore[attr-defined]
            self.fields[name].initial = rows.filter(region=place).first()
        keys = list(self.fields["key_pairs"].queryset[:2])  # type: ignore[attr-defined]
        self.fields["key_pairs"].initial = [key.pk for key in keys] if len(keys) == 1 else []

    def _choose_region(self, types: list[InstanceType], left: Mapping[str, int]) -> InstanceType | None:
        """Choose where the tenant's things are and there is room; return the smallest type there that fits."""
        regions = {kind.cluster.region_id: kind.cluster.region for kind in types}
        self.fields["region"].queryset = Region.objects.filter(pk__in=regions)  # type: ignore[attr-defined]
        if len(regions) < 2:
            self.fields["region"].widget = forms.HiddenInput()
        best = list(regions.values())
        if len(best) > 1 and self.actor.tenant:
            best = ranked_regions(best, self.actor.tenant.pk)
        self.fields["region"].initial = best[0] if best else None
        here = [kind for kind in types if kind.cluster.region == best[0]] if best else []
        fitting = [kind for kind in here if not _short(kind, left)] or here
        return fitting[0] if fitting else None


def _short(kind: InstanceType, left: Mapping[str, int]) -> list[str]:
    """Return the labels of the quotas that do not have enough left for one VM of this type."""
    needs = {"vm": 1, "vcpu": kind.vcpu, "memory_gib": kind.memory_gib}
    return [str(metrics()[name].label) for name, units in needs.items() if left.get(name, units) < units]


def _type(row: InstanceType, left: Mapping[str, int]) -> Pick:
    short = _short(row, left)
    return Pick(
        row.name,
        str(row.cluster),
        figures=[row.vcpu, f"{row.memory_gib} GiB"],
        warning=_("over quota: %(what)s") % {"what": ", ".join(short)} if short else "",
        place=row.cluster.region.name,
    )


def _image(row: Image) -> Pick:
    system = row.os_name or row.get_os_family_display()
    kind = _("Private image") if row.tenant_id else ""
    return Pick(
        row.name,
        " · ".join(filter(None, (system, row.get_architecture_display(), kind))),
        figures=[f"{row.min_disk_gib} GiB"],
        mark=system[:1].upper(),
        flags=_flags(row),
        place=row.region.name if row.region else "",
    )


def _flags(row: Image) -> tuple[str, ...]:
    if not row.cloud_init:
        return (NO_FIRST_BOOT,)
    return (OWN_LOGIN,) if row.os_family == Image.Family.WINDOWS else ()


def _subnet(row: Subnet) -> Pick:
    return Pick(
        f"{row.vpc.name} / {row.name}",
        " · ".join(str(block) for block in (row.cidr, row.cidr6) if block),
        figures=[f"{row.free_addresses:,}"],
        warning="" if row.free_addresses else _("full"),
        place=row.region.name if row.region else "",
    )


def _group(row: SecurityGroup) -> Pick:
    return Pick(row.name, row.description, place=row.region.name if row.region else "")
