"""/api/v1/vms"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.accounts.rights import Rights
from apps.api import limits
from apps.api.bodies import Items, LineField, NewResource, NumberId
from apps.api.declarations import Action, Create, Update
from apps.api.metrics import MetricsApi
from apps.api.representation import ReferenceOut, ResourceOut, moment
from apps.api.views import ResourceApi
from apps.compute import selectors, sorting
from apps.compute.api.vm_forecast import EXPLAIN
from apps.compute.api.vm_nics import (
    GuestNetworkOut,
    NewEipBody,
    NicBandwidthBody,
    VmEipOut,
    VmNicOut,
    VmSecurityGroupBody,
    eips_out,
    guest_network_out,
    nic_out,
)
from apps.compute.filters import VmFilter
from apps.compute.models import HaPriority, PauseReason, Power, Vm
from apps.compute.services.create_plan import MOST_AT_ONCE
from apps.compute.services.disk_attachment import MOST_DISKS
from apps.compute.services.recovery import set_ha_priority
from apps.compute.services.user_data import MOST_ENCODED, UserDataEncoding
from apps.compute.verbs import (
    VM_CREATE,
    VM_DELETE,
    VM_POWER_OFF,
    VM_RENAME,
    VM_RESTART,
    VM_RETRY,
    VM_SET_HA_PRIORITY,
    VM_SHUT_DOWN,
    VM_SNAPSHOT_DISKS,
    VM_START,
)
from apps.lifecycle.actor import Actor
from apps.network.models import Eip
from apps.network.verbs import VM_ADD_IPV6, VM_SET_NIC_BANDWIDTH, VM_SET_SECURITY_GROUP

HA_PRIORITIES = [(each.word, each.label) for each in HaPriority]
MOST_DATA_DISKS = max(MOST_DISKS.values())


class DataDiskBody(serializers.Serializer[Any]):
    size_gib = serializers.IntegerField(min_value=1, max_value=limits.INTEGER)
    cluster = NumberId(help_text="Storage cluster.")


class VmBody(NewResource):
    instance_type = NumberId()
    image = serializers.UUIDField()
    subnet = serializers.UUIDField()
    security_group = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="Of the internal NIC. Left out: the project's group named “default” in the region. "
        "null: no group, nothing is filtered.",
    )
    external_security_group = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="Of the external NIC: covers all EIPs delivered in the guest. Left out: the group of the "
        "internal NIC. null: no group, nothing is filtered.",
    )
    eip = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Existing EIP to bind to the VM; for one VM only.",
    )
    new_eip = NewEipBody(
        required=False, allow_null=True, default=None, help_text="EIP to create and bind, one for each VM."
    )
    eip_delivery = serializers.ChoiceField(
        choices=Eip.Delivery.choices,
        required=False,
        allow_null=True,
        default=None,
        help_text="How the EIP reaches the VM. By default in the guest if its image has a guest agent (Linux), else "
        "by one-to-one NAT.",
    )
    disk_gib = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=limits.INTEGER,
        help_text="System disk size; by default the image's.",
    )
    disk_cluster = NumberId(
        required=False,
        allow_null=True,
        default=None,
        help_text="Storage cluster of the system disk. Default: the image's. To another one the image is copied first.",
    )
    data_disks = Items(
        DataDiskBody(),
        most=MOST_DATA_DISKS,
        required=False,
        default=list,
        help_text="Data disks to create and attach with the VM. They outlive it.",
    )
    password = serializers.CharField(
        max_length=limits.PASSWORD,
        required=False,
        default="",
        allow_blank=True,
        trim_whitespace=False,
        write_only=True,
        help_text="Of root. Refused for Windows images, whose guests take one from user data only.",
    )
    key_pairs = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        default=list,
        max_length=20,
        help_text="SSH keys to log in with, by their IDs from `/key-pairs`.",
    )
    hostname = serializers.CharField(required=False, default="", allow_blank=True, max_length=63)
    user_data = serializers.CharField(
        max_length=MOST_ENCODED,
        required=False,
        default="",
        allow_blank=True,
        trim_whitespace=False,
        help_text="At most 64 KiB once decoded. CRLF line ends become LF; a byte-order mark is removed.",
    )
    user_data_encoding = serializers.ChoiceField(
        choices=UserDataEncoding.choices,
        default=UserDataEncoding.PLAIN,
        help_text="base64: of UTF-8 text, or of gzip of it.",
    )
    count = serializers.IntegerField(
        required=False,
        default=1,
        min_value=1,
        max_value=MOST_AT_ONCE,
        help_text=f"Up to {MOST_AT_ONCE} at once.",
    )


class DeleteVmBody(serializers.Serializer[Any]):
    delete_disks = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        default=list,
        max_length=MOST_DATA_DISKS,
        help_text="Data disks of the VM to delete as well. The others are detached and kept.",
    )
    with_snapshots = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Also delete the snapshots of the deleted disks, the system disk included.",
    )
    release_eips = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Also release the EIPs bound to the VM. Otherwise they are unbound and kept.",
    )


class VmSnapshotBody(serializers.Serializer[Any]):
    name = LineField(max_length=63)
    description = LineField(max_length=255, required=False, allow_blank=True, default="")


class HaPriorityBody(serializers.Serializer[Any]):
    priority = serializers.ChoiceField(
        choices=HA_PRIORITIES,
        help_text="Order in which VMs are started elsewhere when their host fails. none: not started elsewhere.",
    )


class VmKeyPairOut(ReferenceOut):
    fingerprint = serializers.CharField()


class VmDiskOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    role = serializers.CharField()
    name = serializers.CharField()
    size_gib = serializers.IntegerField()
    slot = serializers.IntegerField(help_text="Place in the VM: 0 is the system disk.")
    serial = serializers.CharField()


class VmOut(ResourceOut):
    hostname = serializers.CharField()
    power = serializers.ChoiceField(choices=Power.choices, help_text="As wanted.")
    power_seen = serializers.ChoiceField(
        choices=Power.choices, help_text="Power state as last reported by the host."
    )
    power_seen_at = serializers.DateTimeField()
    pause_reason = serializers.ChoiceField(
        choices=PauseReason.choices,
        allow_blank=True,
        help_text="Reason why the VM is paused on its host; empty if it is running or stopped.",
    )
    ha_priority = serializers.ChoiceField(
        choices=HA_PRIORITIES, help_text="Order in which VMs are started elsewhere when their host fails."
    )
    vcpu = serializers.IntegerField()
    memory_gib = serializers.IntegerField()
    instance_type = ReferenceOut(allow_null=True)
    image = ReferenceOut(allow_null=True)
    key_pairs = VmKeyPairOut(
        many=True,
        help_text="SSH keys the VM was created with, as they were then. They may have been deleted since.",
    )
    user_data_sha256 = serializers.CharField(
        allow_null=True,
        help_text="SHA-256 of the user data as the guest got it, in hexadecimal; empty without any. Only for who "
        "may create such a VM, otherwise null: a short secret in user data can be guessed from it.",
    )
    cluster = ReferenceOut()
    host = ReferenceOut(allow_null=True, help_text="For administrators only, otherwise null.")
    nics = VmNicOut(many=True)
    eips = VmEipOut(many=True, help_text="EIPs bound to the VM, in order of binding.")
    guest_network = GuestNetworkOut()
    disks = VmDiskOut(many=True)

    @staticmethod
    def own(row: Vm) -> dict[str, Any]:
        """Return the VM's values; NICs and disks have been prefetched."""
        return {
            "hostname": row.hostname,
            "power": row.power,
            "power_seen": row.power_seen,
            "power_seen_at": moment(row.power_seen_at),
            "pause_reason": row.pause_reason,
            "ha_priority": HaPriority(row.ha_priority).word,
            "vcpu": row.vcpu,
            "memory_gib": row.memory_gib,
            "instance_type": _named(row.instance_type),
            "image": _named(row.image),
            "key_pairs": row.key_pairs,
            "user_data_sha256": None,
            "cluster": _named(row.cluster),
            "host": None,
            "nics": [nic_out(nic) for nic in row.shown_nics],
            "eips": eips_out(row),
            "guest_network": guest_network_out(row),
            "disks": [
                {
                    "id": str(disk.pk),
                    "role": disk.role,
                    "name": disk.name,
                    "size_gib": disk.size_gib,
                    "slot": disk.slot,
                    "serial": disk.serial,
                }
                for disk in row.shown_disks
            ],
        }

    @classmethod
    def represent(cls, row: Any, rights: Rights) -> dict[str, Any]:
        """Return the VM; which host it is on is no tenant's business, nor are its user data a viewer's."""
        values = super().represent(row, rights)
        if rights.everywhere:
            values["host"] = _named(row.host)
        if rights.covers_row(VM_CREATE, row):
            values["user_data_sha256"] = row.user_data_sha256
        return values


def _set_ha_priority(actor: Actor, vm: Vm, *, priority: str) -> Vm:
    set_ha_priority(actor, vm, priority=priority)
    return selectors.visible_vms(actor).get(pk=vm.pk)


class VmApi(ResourceApi):
    """Virtual machines."""

    model = Vm
    out = VmOut
    filterset_class = VmFilter
    sorts = {
        "state": ("state", "power_seen", "pause_reason"),
        "ip": sorting.IP,
        "mac": sorting.MAC,
        "vpc": sorting.VPC,
        "subnet": sorting.SUBNET,
        "security_group": sorting.SECURITY_GROUP,
        "created_by": sorting.CREATED_BY,
    }
    create = Create(VM_CREATE, VmBody, batch=True, in_memory=True, explain=EXPLAIN)
    update = Update(VM_RENAME)
    delete = Action(VM_DELETE, DeleteVmBody)
    actions = (
        Action(VM_START),
        Action(VM_SHUT_DOWN),
        Action(VM_RESTART),
        Action(VM_POWER_OFF),
        Action(VM_RETRY),
        Action(VM_SET_SECURITY_GROUP, VmSecurityGroupBody),
        Action(VM_SET_NIC_BANDWIDTH, NicBandwidthBody),
        Action(VM_ADD_IPV6),
        Action(VM_SNAPSHOT_DISKS, VmSnapshotBody),
        Action(VM_SET_HA_PRIORITY, HaPriorityBody, _set_ha_priority, immediate=True),
    )

    def visible(self, actor: Actor) -> QuerySet[Vm]:
        """Return the VMs the actor may see."""
        return selectors.visible_vms(actor)


class VmMetrics(MetricsApi):
    subject = "vm"

    def visible(self, actor: Actor) -> QuerySet[Vm]:
        """Return the VMs the actor may see."""
        return selectors.visible_vms(actor)


def _named(row: Any) -> dict[str, str] | None:
    return None if row is None else {"id": str(row.pk), "name": row.name}
