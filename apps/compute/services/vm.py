"""Creating VMs. One transaction reserves everything a VM will need: quota, addresses, room on hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import chain
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.accounts.secrets import unseal
from apps.compute.models import ImageCopy, KeyPair, Power, Vm
from apps.compute.services.create_plan import (
    LONGEST_NAME,
    Plan,
    VmRequest,
    complete,
    look_up,
)
from apps.compute.services.image_copy import hold_image
from apps.compute.services.new_disks import new_vm_amounts, rows_of
from apps.compute.services.new_eips import bind_new_eips
from apps.compute.services.template_choices import ensure_complete, with_template
from apps.compute.verbs import VM_CREATE
from apps.infrastructure.placement import place
from apps.infrastructure.space import reserve_space
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.bulk_insert import insert
from apps.lifecycle.dry_run import ErrorCollector
from apps.lifecycle.models import Operation, State
from apps.lifecycle.usable import hold_for_use
from apps.network.services.addresses import add_external_nics, allocate_nic
from apps.network.services.eip import ensure_permitted
from apps.network.services.overlaps import ensure_apart
from apps.quotas.services import reserve_quota
from apps.storage.limits import disk_limits
from apps.storage.models import Disk
from apps.storage.models.disk import SYSTEM_SLOT


@serves(VM_CREATE)
@transaction.atomic
def create_vms(actor: Actor, **asked: Any) -> list[Operation]:
    """Create VMs, named with -1, -2 … when there are several, each settled by an operation of its own.

    `asked` is what `VmRequest` has; name, instance_type, image and subnet are needed. What is left out is taken from
    the VM template `template`, if one is named: from its `template_version`, by default the newest. Raises Invalid,
    Forbidden, NotNow, QuotaExceeded, NoCapacity and what address allocation raises; then nothing is created. Each
    operation's `resource` is the VM with all that `selectors.visible_vms` would read, so that it can be shown at once.
    """
    asked = with_template(actor, asked)
    ensure_complete(asked)
    wanted, refusals = VmRequest(**asked), ErrorCollector()
    draft = look_up(actor, wanted, refusals)
    return _reserve_and_insert(complete(wanted, draft, refusals), kept_of(wanted.key_pairs))


def kept_of(key_pairs: Sequence[UUID]) -> list[dict[str, str]]:
    """Return what a VM keeps of its SSH keys, which may be deleted before it."""
    rows = KeyPair.objects.filter(pk__in=key_pairs).order_by("name", "pk") if key_pairs else ()
    return [{"id": str(row.pk), "name": row.name, "fingerprint": row.fingerprint} for row in rows]


def _reserve_and_insert(plan: Plan, key_pairs: list[dict[str, str]]) -> list[Operation]:
    """Locks in the order everybody keeps: resources, quota, host, storage (`infrastructure.placement`, `.space`)."""
    count = len(plan.names)
    copy = hold_image(plan.image, plan.cluster)
    used = [plan.subnet, plan.group, plan.external_group, plan.eips.segment, plan.eips.eip]
    hold_for_use(*{each.pk: each for each in used if each is not None}.values())
    if plan.eips.segment is not None:
        ensure_permitted(plan.eips.segment, plan.project, plan.eips.field)
    if (segment := plan.eips.used_segment) is not None:
        ensure_apart([plan.subnet.vpc_id], [segment], plan.eips.field)
    amounts = new_vm_amounts(plan.need, plan.disk_gib, plan.data_disks, count)
    reserve_quota(plan.project.tenant_id, amounts | plan.eips.amounts(count))
    # Of what was sealed, however it was normalised before.
    user_data = unseal(plan.sealed_user_data) if plan.sealed_user_data else ""
    to_compare = {
        "key_pairs": key_pairs,
        "user_data_sha256": sha256(user_data.encode()).hexdigest() if user_data else "",
    }
    vms = [
        _new_vm(plan, name, hostname, to_compare)
        for name, hostname in zip(plan.names, plan.hostnames, strict=True)
    ]
    disks = [[_new_disk(plan, vm, copy), *rows_of(vm, plan.data_disks)] for vm in vms]
    for vm, host_id in zip(vms, place(plan.type.cluster, plan.need, count), strict=True):
        vm.host_id = host_id
    insert([*vms, *chain.from_iterable(disks)])
    external = add_external_nics(vms, plan.external_group)
    for vm, own, nic in zip(vms, disks, external, strict=True):
        vm.shown_nics = [allocate_nic(plan.subnet, vm, security_group=plan.group, held=True), nic]
        vm.shown_disks, vm.shown_eips = own, bind_new_eips(plan, vm)
    operations = [_request(plan, vm) for vm in vms]
    _reserve_space(plan, count)
    return operations


def _reserve_space(plan: Plan, count: int) -> None:
    """Reserve space in each storage cluster, in the order of their keys."""
    fields = {plan.cluster.pk: "disk_gib"}
    wanted = Counter({plan.cluster.pk: plan.disk_gib})
    for disk in plan.data_disks:
        wanted[disk.cluster.pk] += disk.size_gib
    for cluster, gib in sorted(wanted.items()):
        reserve_space(cluster, gib * count, field=fields.get(cluster, "data_disks"))


def _request(plan: Plan, vm: Vm) -> Operation:
    args = {"instance_type": plan.type.name, "image": plan.image.name, "subnet": plan.subnet.name}
    held = [eip for eip in vm.shown_eips if eip.state == State.READY]  # a new one is held by its own creation
    operation = plan.allowed.request(vm, args=args, also=held)
    operation.resource = vm
    return operation


def _new_vm(plan: Plan, name: str, hostname: str, to_compare: Mapping[str, Any]) -> Vm:
    return Vm(
        kind="vm",
        name=name,
        description=plan.description,
        tenant=plan.project.tenant,
        project=plan.project,
        region=plan.type.cluster.region,
        cluster=plan.type.cluster,
        instance_type=plan.type,
        image=plan.image,
        firmware=plan.image.firmware,
        vcpu=plan.type.vcpu,
        memory_mib=plan.type.memory_gib * 1024,
        power=Power.ON,
        hostname=hostname,
        sealed_password_hash=plan.sealed_hash,
        ssh_keys=plan.ssh_keys,
        sealed_user_data=plan.sealed_user_data,
        **to_compare,
    )


def _new_disk(plan: Plan, vm: Vm, copy: ImageCopy | None) -> Disk:
    iops, bytes_per_second = disk_limits(plan.cluster, plan.disk_gib)
    return Disk(
        kind="disk",
        name=f"{vm.name[: LONGEST_NAME - 7]}-system",
        tenant_id=vm.tenant_id,
        project_id=vm.project_id,
        region_id=vm.region_id,
        role=Disk.Role.SYSTEM,
        cluster=plan.cluster,
        size_gib=plan.disk_gib,
        vm_id=vm.id,
        slot=SYSTEM_SLOT,
        image=plan.image,
        image_copy=copy,
        iops=iops,
        bytes_per_second=bytes_per_second,
    )
