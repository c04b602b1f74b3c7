"""For each verb that has a handler: a resource on which it is legal, and the call that asks for it.

This is all that is written by hand for a verb; a verb without an entry fails a test that names it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from apps.compute.models import Image, Vm
from apps.compute.services import image as images
from apps.compute.services import power
from apps.compute.services.vm import create_vms
from apps.console.services import open_console
from apps.drivers.errors import DriverError
from apps.drivers.memory import MemoryHypervisor
from apps.drivers.specs import PauseReason as DriverPause
from apps.drivers.specs import VolumeSpec
from apps.infrastructure import backends
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation, OperationStatus, Resource
from apps.network.models import SecurityGroup, Subnet, Vpc
from apps.network.services import nic, security_group, subnet, vpc
from apps.reconciliation import services as administrators
from apps.reconciliation.finding_actions import Action
from apps.reconciliation.models import Finding, FindingState, Rule
from tests.recovery.crash.yard import Yard

SSH = {"direction": "in", "protocol": "ssh", "address": "0.0.0.0/0"}
PING = {"direction": "in", "protocol": "ping", "address": "0.0.0.0/0"}
MODELS: dict[str, type[Any]] = {
    "vm": Vm,
    "image": Image,
    "vpc": Vpc,
    "subnet": Subnet,
    "security_group": SecurityGroup,
    "finding": Finding,
}
#: Name of the findings made here.
PLANTED = "planted"
Ask = Callable[[Yard, Any], Operation]


@dataclass(frozen=True)
class Recipe:
    """`make` gives what `ask` is given: what the verb acts on, or for a creation what it is created in.

    `gives_up`: what a backend refuses for good to remove it leaves behind on purpose, for the reconciler to list.
    """

    ask: Ask
    make: Callable[[Yard], Any] = lambda yard: None
    gives_up: bool = False


def load(operation: Operation) -> Any:
    """Return what the operation acts on, as a row of its kind."""
    return MODELS[operation.target_kind].objects.get(pk=operation.target_id)


def done(operation: Operation) -> Any:
    """Carry the operation out in this process and return what it acted on."""
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.DONE, (operation.verb, operation.error, operation.steps)
    return load(operation)


def spoilt(operation: Operation, call: str) -> Any:
    """Let the operation fail for good at a driver call and return what it was to create, in error."""
    error = DriverError("Tried: refused.", code="tried.refused", permanent=True, hint="Try again.")
    backends.memory_world().fail(call, error)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.FAILED, (operation.verb, operation.status)
    return load(operation)


def _name() -> str:
    return f"it-{uuid4().hex[:12]}"


def _create_vm(yard: Yard, _nothing: object = None) -> Operation:
    (operation,) = create_vms(
        yard.owner,
        name=_name(),
        instance_type=yard.small.pk,
        image=yard.image.pk,
        subnet=yard.subnet.pk,
        security_group=None,
        project=yard.project.uid,
    )
    return Operation.objects.get(pk=operation.pk)


def _vm(yard: Yard) -> Vm:
    made: Vm = done(_create_vm(yard))
    return made


def _stopped_vm(yard: Yard) -> Vm:
    made: Vm = done(power.power_off_vm(yard.owner, _vm(yard)))
    return made


def _paused_vm(yard: Yard) -> Vm:
    """A VM that its host has paused for want of space, which there is again."""
    made = _vm(yard)
    assert made.host is not None
    hypervisor = backends.hypervisor(made.host, None)
    assert isinstance(hypervisor, MemoryHypervisor)
    hypervisor.pause_guest(str(made.pk), DriverPause.NO_SPACE, cause_gone=True)
    Vm.objects.filter(pk=made.pk).update(pause_reason=DriverPause.NO_SPACE)
    return Vm.objects.get(pk=made.pk)


def _open_console(yard: Yard, vm: Vm) -> Operation:
    operation = open_console(yard.owner, vm).operation
    assert operation is not None
    return operation


def _import_image(yard: Yard, _nothing: object = None) -> Operation:
    return images.import_image(
        yard.admin, name=_name(), cluster=yard.storage, file=f"memory:{1 << 30}", project=yard.project.uid
    )


def _create_vpc(yard: Yard, _nothing: object = None) -> Operation:
    return vpc.create_vpc(
        yard.owner, name=_name(), cidr="10.0.0.0/16", region=yard.region.name, project=yard.project.uid
    )


def _vpc(yard: Yard) -> Vpc:
    made: Vpc = done(_create_vpc(yard))
    return made


def _create_subnet(yard: Yard, within: Vpc) -> Operation:
    return subnet.create_subnet(yard.owner, vpc=within.pk, name=_name(), cidr="10.0.1.0/24")


def _create_group(yard: Yard, _nothing: object = None) -> Operation:
    return security_group.create_security_group(
        yard.owner, name=_name(), rules=[SSH], region=yard.region.name, project=yard.project.uid
    )


def _image(yard: Yard) -> Image:
    made: Image = done(_import_image(yard))
    return made


def _subnet(yard: Yard) -> Subnet:
    made: Subnet = done(_create_subnet(yard, _vpc(yard)))
    return made


def _group(yard: Yard) -> SecurityGroup:
    made: SecurityGroup = done(_create_group(yard))
    return made


def _orphan(yard: Yard) -> Finding:
    """A volume without a row, and the finding that says so."""
    pk = uuid4()
    backends.volumes(yard.storage, None).ensure_volume(VolumeSpec(str(pk), yard.storage.spec(), size_gib=1))
    return Finding.objects.create(
        name=PLANTED,
        rule=Rule.ORPHAN,
        kind="disk",
        target_id=pk,
        storage_cluster=yard.storage,
        state=FindingState.OPEN,
    )


def _by_admin(action: Action) -> Ask:
    def ask(yard: Yard, subject: Any) -> Operation:
        rows = Resource.objects.filter(pk=subject.pk)
        return administrators.do(yard.admin, subject if isinstance(subject, Finding) else rows.get(), action)

    return ask


RESYNC, ROLL_BACK = _by_admin(Action.RESYNC), _by_admin(Action.ROLL_BACK)
FORCE_CLEAN = _by_admin(Action.FORCE_CLEAN)

RECIPES: dict[str, Recipe] = {
    "vm.create": Recipe(_create_vm),
    "vm.retry": Recipe(
        lambda yard, vm: power.retry_vm(yard.owner, vm),
        lambda yard: spoilt(_create_vm(yard), "hypervisor.ensure_power"),
    ),
    "vm.start": Recipe(lambda yard, vm: power.start_vm(yard.owner, vm), _stopped_vm),
    "vm.shut_down": Recipe(lambda yard, vm: power.shut_down_vm(yard.owner, vm), _vm),
    "vm.restart": Recipe(lambda yard, vm: power.restart_vm(yard.owner, vm), _vm),
    "vm.resume": Recipe(lambda yard, vm: power.resume_vm(SYSTEM, vm), _paused_vm),
    "vm.finish_first_boot": Recipe(lambda yard, vm: power.finish_first_boot(SYSTEM, vm), _vm),
    "vm.power_off": Recipe(lambda yard, vm: power.power_off_vm(yard.owner, vm), _vm),
    "vm.delete": Recipe(lambda yard, vm: power.delete_vm(yard.owner, vm), _vm),
    "vm.set_security_group": Recipe(
        lambda yard, vm: nic.set_security_group(yard.owner, vm, security_group=yard.group.pk), _vm
    ),
    "vm.console": Recipe(_open_console, _vm),
    "image.import": Recipe(_import_image),
    "image.retry": Recipe(
        lambda yard, image: images.retry_image(yard.admin, image),
        lambda yard: spoilt(_import_image(yard), "volumes.ensure_image"),
    ),
    "image.delete": Recipe(lambda yard, image: images.delete_image(yard.admin, image), _image),
    "vpc.create": Recipe(_create_vpc),
    "vpc.retry": Recipe(
        lambda yard, row: vpc.retry_vpc(yard.owner, row),
        lambda yard: spoilt(_create_vpc(yard), "fabric.ensure_vpc"),
    ),
    "vpc.delete": Recipe(lambda yard, row: vpc.delete_vpc(yard.owner, row), _vpc),
    "subnet.create": Recipe(_create_subnet, _vpc),
    "subnet.retry": Recipe(
        lambda yard, row: subnet.retry_subnet(yard.owner, row),
        lambda yard: spoilt(_create_subnet(yard, _vpc(yard)), "fabric.ensure_subnet"),
    ),
    "subnet.delete": Recipe(
        lambda yard, row: subnet.delete_subnet(yard.owner, row),
        _subnet,
    ),
    "security_group.create": Recipe(_create_group),
    "security_group.retry": Recipe(
        lambda yard, group: security_group.retry_security_group(yard.owner, group),
        lambda yard: spoilt(_create_group(yard), "fabric.ensure_security_group"),
    ),
    "security_group.set_rules": Recipe(
        lambda yard, group: security_group.set_rules(yard.owner, group, rules=[PING]),
        _group,
    ),
    "security_group.delete": Recipe(
        lambda yard, group: security_group.delete_security_group(yard.owner, group),
        _group,
    ),
    "vm.resync": Recipe(RESYNC, _vm),
    "vm.roll_back": Recipe(ROLL_BACK, _vm),
    "vpc.resync": Recipe(RESYNC, _vpc),
    "subnet.resync": Recipe(RESYNC, _subnet),
    "security_group.resync": Recipe(RESYNC, _group),
    "vm.force_clean": Recipe(FORCE_CLEAN, _vm, gives_up=True),
    "image.force_clean": Recipe(FORCE_CLEAN, _image, gives_up=True),
    "vpc.force_clean": Recipe(FORCE_CLEAN, _vpc, gives_up=True),
    "subnet.force_clean": Recipe(FORCE_CLEAN, _subnet, gives_up=True),
    "security_group.force_clean": Recipe(FORCE_CLEAN, _group, gives_up=True),
    "finding.force_clean": Recipe(FORCE_CLEAN, _orphan),
}
