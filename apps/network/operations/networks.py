"""Making the fabric match. Every driver verb used here is idempotent, so each handler may run again from its top."""

from __future__ import annotations

import time

from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.drivers.protocols import Fabric
from apps.drivers.specs import FabricSpec, SecurityGroupSpec, SubnetSpec, VpcSpec
from apps.infrastructure import backends
from apps.lifecycle.bulk_insert import remove
from apps.lifecycle.handlers import Handler, Settle, handles
from apps.lifecycle.models import Kind, Resource, State
from apps.lifecycle.operation_context import OperationContext
from apps.network.bound_eips import bound_eips
from apps.network.models import Nic, SecurityGroup, Subnet, Vpc
from apps.network.operations.ports import ensure_ports
from apps.network.specs import security_group_spec, subnet_spec, vpc_spec
from apps.network.verbs import (
    SECURITY_GROUP_CREATE,
    SECURITY_GROUP_DELETE,
    SECURITY_GROUP_FORCE_CLEAN,
    SECURITY_GROUP_RESYNC,
    SECURITY_GROUP_RETRY,
    SECURITY_GROUP_SET_RULES,
    SUBNET_ADD_IPV6,
    SUBNET_CREATE,
    SUBNET_DELETE,
    SUBNET_FORCE_CLEAN,
    SUBNET_RESYNC,
    SUBNET_RETRY,
    VM_SET_NIC_BANDWIDTH,
    VM_SET_SECURITY_GROUP,
    VPC_CREATE,
    VPC_DELETE,
    VPC_FORCE_CLEAN,
    VPC_RESYNC,
    VPC_RETRY,
)
from apps.quotas.services import release_quota
from apps.reconciliation.operations.common import keep_remaining, repairing

#: A VPC is made in a fraction of this.
VPC_PATIENCE_SECONDS = 1.0


@handles(VPC_CREATE)
@handles(VPC_RETRY)
def create_vpc(run: OperationContext) -> None:
    """Make the router."""
    vpc = Vpc.objects.select_related("region").get(pk=run.target_id)
    run.step(_("Creating the network"), 50)
    _fabric(run, vpc).ensure(vpc_spec(vpc))


@handles(VPC_DELETE)
def delete_vpc(run: OperationContext) -> Settle | None:
    """Remove the router."""
    vpc = Vpc.objects.select_related("region").filter(pk=run.target_id).first()
    return _removed(run, vpc, VpcSpec, "vpc")


@handles(SUBNET_CREATE)
@handles(SUBNET_RETRY)
def create_subnet(run: OperationContext) -> None:
    """Make the switch, its gateway and DHCP, once the VPC is there."""
    subnet = Subnet.objects.select_related("region", "vpc").get(pk=run.target_id)
    _await_vpc(run, subnet.vpc)
    run.step(_("Creating the subnet"), 50)
    _fabric(run, subnet).ensure(subnet_spec(subnet))


@handles(SUBNET_ADD_IPV6)
def add_ipv6(run: OperationContext) -> None:
    """Bring the subnet up to its row."""
    subnet = Subnet.objects.select_related("region").get(pk=run.target_id)
    run.step(_("Applying to the network"), 50)
    _fabric(run, subnet).ensure(subnet_spec(subnet))


@handles(SUBNET_DELETE)
def delete_subnet(run: OperationContext) -> Settle | None:
    """Remove the switch."""
    subnet = Subnet.objects.select_related("region").filter(pk=run.target_id).first()
    return _removed(run, subnet, SubnetSpec, "subnet")


@handles(SECURITY_GROUP_CREATE)
@handles(SECURITY_GROUP_RETRY)
@handles(SECURITY_GROUP_SET_RULES)
def apply_rules(run: OperationContext) -> None:
    """Make the group hold exactly its rules."""
    group = SecurityGroup.objects.select_related("region").get(pk=run.target_id)
    run.step(_("Applying %(count)s rules"), 50, count=group.rules.count())
    _fabric(run, group).ensure(security_group_spec(group))


@handles(SECURITY_GROUP_DELETE)
def delete_security_group(run: OperationContext) -> Settle | None:
    """Remove the group."""
    group = SecurityGroup.objects.select_related("region").filter(pk=run.target_id).first()
    return _removed(run, group, SecurityGroupSpec, "security_group")


@handles(VM_SET_SECURITY_GROUP)
@handles(VM_SET_NIC_BANDWIDTH)
def change_nic(run: OperationContext) -> None:
    """Put a NIC into its security group, or limit it."""
    nics = list(Nic.objects.select_related("owner__region", "subnet").filter(owner_id=run.target_id))
    owner = nics[0].owner
    run.step(_("Applying to the network"), 50)
    ensure_ports(_fabric(run, owner), nics, bound_eips(owner.pk), generation=owner.generation)


def _force_clean(kind: type[FabricSpec], metric: str) -> Handler:
    def force_clean(run: OperationContext) -> Settle:
        row = Resource.objects.select_related("region").get(pk=run.target_id)
        run.step(_("Removing from the network"), 50)
        if row.region is not None:
            fabric = backends.fabric(row.region, run)
            keep_remaining(run, lambda: fabric.ensure_absent(kind, str(row.pk)))

        def settle() -> None:
            row.delete()
            if row.tenant_id is not None:
                release_quota(row.tenant_id, {metric: 1})

        return settle

    return repairing(force_clean)


handles(VPC_RESYNC)(repairing(create_vpc))
handles(SUBNET_RESYNC)(repairing(create_subnet))
handles(SECURITY_GROUP_RESYNC)(repairing(apply_rules))
handles(VPC_FORCE_CLEAN)(_force_clean(VpcSpec, "vpc"))
handles(SUBNET_FORCE_CLEAN)(_force_clean(SubnetSpec, "subnet"))
handles(SECURITY_GROUP_FORCE_CLEAN)(_force_clean(SecurityGroupSpec, "security_group"))


def _fabric(run: OperationContext, resource: Resource) -> Fabric:
    assert resource.region is not None, "network resources have a region"
    return backends.fabric(resource.region, run)


def _removed(
    run: OperationContext, resource: Kind | None, kind: type[FabricSpec], metric: str
) -> Settle | None:
    if resource is None:
        return None
    run.step(_("Removing from the network"), 50)
    _fabric(run, resource).ensure_absent(kind, str(resource.pk))

    def settle() -> None:
        remove([resource])
        if resource.tenant_id is not None:
            release_quota(resource.tenant_id, {metric: 1})

    return settle


def _await_vpc(run: OperationContext, vpc: Vpc) -> None:
    """Wait a moment for a VPC asked for together with its subnet; longer waits are another attempt's."""
    end = time.monotonic() + VPC_PATIENCE_SECONDS
    while vpc.state == State.PENDING and time.monotonic() < end:
        run.lost.wait(0.05)
        run.check()
        vpc.refresh_from_db(fields=["state"])
    if vpc.state == State.PENDING:
        raise DriverError(
            _("Waiting for VPC %(name)s."),
            values={"name": vpc.name},
            code="vpc.pending",
            hint=_("The subnet is created as soon as the VPC is available."),
        )
    if vpc.state != State.READY:
        raise DriverError(
            _("VPC %(name)s could not be created."),
            values={"name": vpc.name},
            code="vpc.failed",
            permanent=True,
            hint=_("Retry the VPC first, then this subnet."),
        )
