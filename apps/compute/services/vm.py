"""Creating VMs. One transaction reserves everything a VM will need: quota, addresses, room on hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from apps.compute.models import Image, InstanceType, Power, Vm
from apps.compute.quota import vm_amounts
from apps.compute.services import choosing, first_boot
from apps.compute.verbs import IMAGE_DELETE, VM_CREATE
from apps.infrastructure.placement import Need, place
from apps.infrastructure.regions import ensure_one_region
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, NotNow, Refused
from apps.lifecycle.models import Operation, State
from apps.lifecycle.requests import request
from apps.lifecycle.rows import insert
from apps.network.models import SecurityGroup, Subnet
from apps.network.services.addresses import allocate_nic
from apps.network.services.holding import hold_for_use
from apps.quotas.services import take
from apps.storage.limits import disk_limits
from apps.storage.models import Disk
from apps.tenancy.access import allow
from apps.tenancy.choosing import chosen_project
from apps.tenancy.labels import clean_labels
from apps.tenancy.models import Project

MOST_AT_ONCE = 10
LONGEST_NAME = 63


@dataclass(frozen=True)
class _Plan:
    """What was asked for, looked up and checked."""

    project: Project
    type: InstanceType
    image: Image
    subnet: Subnet
    group: SecurityGroup | None
    disk_gib: int
    ssh_keys: list[str]
    names: list[str]
    hostnames: list[str]
    remark: str
    sealed_hash: str
    user_data: str

    @property
    def need(self) -> Need:
        return Need(self.type.vcpu, self.type.memory_gib * 1024)


@transaction.atomic
def create_vms(
    actor: Actor,
    *,
    name: str,
    instance_type: int,
    image: UUID,
    subnet: UUID,
    security_group: UUID | None = None,
    project: UUID | None = None,
    disk_gib: int | None = None,
    password: str = "",
    key_pairs: Sequence[UUID] = (),
    hostname: str = "",
    user_data: str = "",
    remark: str = "",
    count: int = 1,
) -> list[Operation]:
    """Create `count` VMs, named with -1, -2 … when there are several, each settled by an operation of its own.

    Raises Invalid, NotNow, QuotaExceeded, NoCapacity and what address allocation raises; then nothing is created.
    """
    name, remark = clean_labels(name, remark)
    into = chosen_project(actor, project)
    allow(actor, VM_CREATE, project=into, tenant_id=into.tenant_id)
    kind = choosing.instance_type(into, instance_type)
    source = choosing.image(actor, into, image)
    net = choosing.subnet(actor, into, subnet)
    group = choosing.security_group(actor, into, security_group)
    keys = choosing.public_keys(actor, into, key_pairs)
    size = disk_gib or max(source.default_disk_gib, source.min_disk_gib)
    _check(name, hostname, password, user_data, count, size, source)
    _ensure_fit(kind, source, net, group)
    plan = _Plan(
        project=into,
        type=kind,
        image=source,
        subnet=net,
        group=group,
        disk_gib=size,
        ssh_keys=keys,
        names=_numbered(name, count),
        hostnames=_numbered(hostname or first_boot.hostname_of(name, source.os_family), count),
        remark=remark,
        sealed_hash=first_boot.sealed_hash(password),
        user_data=user_data,
    )
    return _reserve_and_insert(actor, plan)


def _reserve_and_insert(actor: Actor, plan: _Plan) -> list[Operation]:
    """Locks in the order everybody keeps: resources, quota, host (see `infrastructure.placement`)."""
    count = len(plan.names)
    _hold_image(plan.image)
    hold_for_use(plan.subnet, *([plan.group] if plan.group else []))
    take(plan.project.tenant_id, vm_amounts(plan.need, plan.disk_gib, count))
    vms = [_new_vm(plan, name, hostname) for name, hostname in zip(plan.names, plan.hostnames, strict=True)]
    disks = [_new_disk(plan, vm) for vm in vms]
    for vm, host_id in zip(vms, place(plan.type.cluster, plan.need, count), strict=True):
        vm.host_id = host_id
    insert([*vms, *disks])
    for vm in vms:
        allocate_nic(plan.subnet, vm, security_group=plan.group, held=True)
    args = {"instance_type": plan.type.name, "image": plan.image.name, "subnet": plan.subnet.name}
    return [request(actor, VM_CREATE, vm, args=args) for vm in vms]


def _new_vm(plan: _Plan, name: str, hostname: str) -> Vm:
    return Vm(
        kind="vm",
        name=name,
        remark=plan.remark,
        tenant_id=plan.project.tenant_id,
        project=plan.project,
        region_id=plan.type.cluster.region_id,
        cluster=plan.type.cluster,
        instance_type=plan.type,
        image=plan.image,
        vcpu=plan.type.vcpu,
        memory_mib=plan.type.memory_gib * 1024,
        power=Power.ON,
        hostname=hostname,
        sealed_password_hash=plan.sealed_hash,
        ssh_keys=plan.ssh_keys,
        user_data=plan.user_data,
    )


def _new_disk(plan: _Plan, vm: Vm) -> Disk:
    iops, bytes_per_second = disk_limits(plan.image.cluster.media, plan.disk_gib)
    return Disk(
        kind="disk",
        name=f"{vm.name[: LONGEST_NAME - 7]}-system",
        tenant_id=vm.tenant_id,
        project_id=vm.project_id,
        region_id=vm.region_id,
        role=Disk.Role.SYSTEM,
        cluster=plan.image.cluster,
        size_gib=plan.disk_gib,
        vm_id=vm.id,
        image=plan.image,
        iops=iops,
        bytes_per_second=bytes_per_second,
    )


def _numbered(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}-{number}" for number in range(1, count + 1)]


def _check(
    name: str,
    hostname: str,
    password: str,
    user_data: str,
    count: int,
    disk_gib: int,
    image: Image,
) -> None:
    """Raise Invalid with everything that is wrong at once."""
    wrong: dict[str, list[str]] = {}
    if not 1 <= count <= MOST_AT_ONCE:
        raise Invalid({"count": [_("1 to %(most)s at once.") % {"most": MOST_AT_ONCE}]})
    if len(_numbered(name, count)[-1]) > LONGEST_NAME:
        wrong["name"] = [_("At most %(n)s characters, numbers included.") % {"n": LONGEST_NAME}]
    if not image.min_disk_gib <= disk_gib <= image.cluster.max_disk_gib:
        wrong["disk_gib"] = [
            _("%(least)s to %(most)s GiB for this image.")
            % {"least": image.min_disk_gib, "most": image.cluster.max_disk_gib}
        ]
    if hostname:
        wrong["hostname"] = first_boot.hostname_errors(_numbered(hostname, count)[-1], image.os_family)
    if password:
        wrong["password"] = first_boot.password_errors(password)
    wrong["user_data"] = first_boot.user_data_errors(user_data)
    wrong = {field: messages for field, messages in wrong.items() if messages}
    if wrong:
        raise Invalid(wrong)


def _ensure_fit(kind: InstanceType, image: Image, subnet: Subnet, group: SecurityGroup | None) -> None:
    """One region (RG-2), and an image that the cluster's CPUs can run."""
    ensure_one_region(kind.cluster, image, subnet, *([group] if group else []))
    if image.architecture != kind.cluster.architecture:
        raise Refused(
            _("Image %(image)s is for %(arch)s, cluster %(cluster)s has other CPUs.")
            % {
                "image": image.name,
                "arch": image.get_architecture_display(),
                "cluster": kind.cluster,
            },
            code="image.architecture",
            field="image",
            hint=_("Choose an image for the cluster's CPUs, or an instance type of another cluster."),
        )


_HOLD = """
SELECT state, EXISTS (SELECT FROM lifecycle_operation o
                       WHERE o.resource_id = r.id AND o.verb = %(delete)s AND o.status IN ('queued', 'running'))
  FROM lifecycle_resource r WHERE id = %(image)s FOR SHARE OF r
"""


def _hold_image(image: Image) -> None:
    """Keep the image from being deleted until this transaction ends, without queueing others who use it too."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, {"image": image.pk, "delete": IMAGE_DELETE.name})
        row = cursor.fetchone()
    if row is None or row[1]:
        raise NotNow(_("Image %(name)s is being deleted.") % {"name": image.name})
    if row[0] != State.READY:
        raise NotNow(
            _("Image %(name)s is not ready.") % {"name": image.name},
            hint=_("Wait until its import has finished, or choose another one."),
        )
