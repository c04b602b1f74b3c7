"""Starting a VM elsewhere whose host is certainly off. Safe to run again from its top."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from apps.compute.models import Power
from apps.compute.operations.fencing import fence_disks
from apps.compute.operations.new_eips import wait_for_eips
from apps.compute.operations.parts import ensure_ports, load_vm, make_parts, past, switch_on
from apps.compute.operations.settling import settle_created, settle_power
from apps.compute.specs import vm_spec
from apps.compute.verbs import VM_RECOVER
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.models import State
from apps.lifecycle.operation_context import OperationContext


@handles(VM_RECOVER)
def recover(run: OperationContext) -> Settle:
    """Break what its old host still holds of its disks, bring the network up to date, define it and start it.

    One whose creation was under way is created to its end.
    """
    vm, host, region = load_vm(run)
    old = Host.objects.filter(pk=run.operation.args.get("from")).first()
    locked = [disk for disk in vm.disks.all() if disk.cluster.driver in backends.POOL_FENCES]
    if old is not None and locked:
        run.step(_("Fencing its disks from %(host)s"), 10, host=old.name)
        fence_disks(run, locked, old)
    made = vm.state == State.READY
    if made:
        ensure_ports(run, vm, region)
    else:
        wait_for_eips(run)
        make_parts(run, vm, host, region)
    run.step(_("Starting on %(host)s"), past(run, 60), host=host.name)
    hypervisor = backends.hypervisor(host, run)
    if vm.power == Power.ON:
        switch_on(run, hypervisor, vm, host)
    else:
        hypervisor.ensure_vm(vm_spec(vm))
    power = Power(vm.power)
    return lambda: settle_power(vm, power) if made else settle_created(vm, power)
