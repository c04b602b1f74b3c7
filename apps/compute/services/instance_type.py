"""Instance types: the defaults every cluster is born with, and the admin's own."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.labels import MAX_NAME
from apps.accounts.single_line import clean_line
from apps.compute.models import InstanceType
from apps.compute.models.instance_type import MOST_MEMORY_GIB, MOST_VCPU
from apps.compute.verbs import INSTANCE_TYPE_CREATE, INSTANCE_TYPE_DELETE
from apps.infrastructure.models import ComputeCluster
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Invalid

#: vCPUs and GiB of the types every cluster has (IT-1).
DEFAULTS = ((1, 2), (2, 4), (4, 8), (8, 16), (16, 32))


def create_default_types(cluster: ComputeCluster) -> None:
    """Give a new cluster the default types."""
    InstanceType.objects.bulk_create(
        [InstanceType(cluster=cluster, name=_name(v, g), vcpu=v, memory_gib=g) for v, g in DEFAULTS],
        ignore_conflicts=True,
    )


@serves(INSTANCE_TYPE_CREATE)
@transaction.atomic
def create_instance_type(
    actor: Actor, *, cluster: ComputeCluster, vcpu: int, memory_gib: int, name: str = ""
) -> InstanceType:
    """Offer a size on a cluster. Raises Invalid (IT-2)."""
    allowed = allow(actor, INSTANCE_TYPE_CREATE, project=None, tenant_id=None)
    wrong: dict[str, list[str]] = {}
    if not one_or_even(vcpu, MOST_VCPU):
        wrong["vcpu"] = [_("1 or an even number up to %(most)s.") % {"most": MOST_VCPU}]
    if not one_or_even(memory_gib, MOST_MEMORY_GIB):
        wrong["memory_gib"] = [_("1 or an even number of GiB up to %(most)s.") % {"most": MOST_MEMORY_GIB}]
    if wrong:
        raise Invalid(wrong)
    name = clean_line("name", name, MAX_NAME)
    try:
        with transaction.atomic():
            made = InstanceType.objects.create(
                cluster=cluster,
                name=name or _name(vcpu, memory_gib),
                vcpu=vcpu,
                memory_gib=memory_gib,
            )
    except IntegrityError as error:
        raise Invalid(
            {"name": [_("The cluster already has an instance type with this size or name.")]}
        ) from error
    allowed.record(
        name=made.name,
        args={"cluster": cluster.name, "vcpu": vcpu, "memory_gib": memory_gib},
    )
    return made


@serves(INSTANCE_TYPE_DELETE)
@transaction.atomic
def delete_instance_type(actor: Actor, instance_type: InstanceType) -> None:
    """Offer a size no longer; VMs made with it keep theirs."""
    allow(actor, INSTANCE_TYPE_DELETE, project=None, tenant_id=None).record(name=instance_type.name)
    instance_type.delete()


def one_or_even(value: int, most: int) -> bool:
    """Whether a number is 1, or even and no more than `most`."""
    return value == 1 or (2 <= value <= most and value % 2 == 0)


def _name(vcpu: int, memory_gib: int) -> str:
    return f"{vcpu}C{memory_gib}G"
