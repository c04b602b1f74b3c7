"""/api/v1/vms"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.accounts.rights import Rights
from apps.api.declarations import Action, Create, Update
from apps.api.metrics import MetricsApi
from apps.api.representation import ReferenceOut, ResourceOut, moment
from apps.api.views import ResourceApi
from apps.compute import selectors, sorting
from apps.compute.api.images import NewImageBody
from apps.compute.api.vm_bodies import (
    HA_PRIORITIES,
    DeleteVmBody,
    HaPriorityBody,
    ResizeBody,
    SaveTemplateBody,
    VmBody,
    VmSnapshotBody,
)
from apps.compute.api.vm_forecast import EXPLAIN
from apps.compute.api.vm_guest import ReinstallBody, ResetPasswordBody
from apps.compute.api.vm_migration import MigrateBody
from apps.compute.api.vm_nics import (
    GuestNetworkOut,
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
from apps.compute.services.recovery import set_ha_priority
from apps.compute.verbs import (
    VM_CREATE,
    VM_CREATE_IMAGE,
    VM_DELETE,
    VM_DISCARD_RESIZE,
    VM_HOT_ADD,
    VM_MIGRATE,
    VM_POWER_OFF,
    VM_REINSTALL,
    VM_RENAME,
    VM_RESET_PASSWORD,
    VM_RESIZE,
    VM_RESTART,
    VM_RETRY,
    VM_SAVE_TEMPLATE,
    VM_SET_HA_PRIORITY,
    VM_SHUT_DOWN,
    VM_SNAPSHOT_DISKS,
    VM_START,
)
from apps.lifecycle.actor import Actor
from apps.network.verbs import VM_ADD_IPV6, VM_SET_NIC_BANDWIDTH, VM_SET_SECURITY_GROUP


class PreparedResizeOut(serializers.Serializer[Any]):
    instance_type = ReferenceOut(allow_null=True, help_text="null: it has been deleted since.")
    vcpu = serializers.IntegerField()
    memory_gib = serializers.IntegerField()


class HotAddOut(serializers.Serializer[Any]):
    max_vcpu = serializers.IntegerField()
    max_memory_gib = serializers.IntegerField()


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
    prepared_resize = PreparedResizeOut(
        allow_null=True, help_text="Size that takes effect when the VM is next restarted or started."
    )
    hot_add = HotAddOut(
        allow_null=True,
        help_text="Up to what the VM can grow since its last start; null: its image does not support hot-add.",
    )
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
            "prepared_resize": row.resize
            and {
                "instance_type": _named(row.resize_type),
                "vcpu": row.resize.vcpu,
                "memory_gib": row.resize.memory_mib // 1024,
            },
            "hot_add": {"max_vcpu": row.hot_vcpu, "max_memory_gib": row.hot_memory_mib // 1024}
            if row.hot_vcpu
            else None,
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
        Action(VM_SAVE_TEMPLATE, SaveTemplateBody, immediate=True),
        Action(VM_RESIZE, ResizeBody),
        Action(VM_HOT_ADD, ResizeBody),
        Action(VM_DISCARD_RESIZE, immediate=True),
        Action(VM_CREATE_IMAGE, NewImageBody),
        Action(VM_RESET_PASSWORD, ResetPasswordBody, bulk=False),
        Action(VM_REINSTALL, ReinstallBody, bulk=False),
        Action(VM_MIGRATE, MigrateBody),
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
