"""Virtual machines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from apps.compute.models import Image, InstanceType, Vm
from apps.compute.services import delete, migration, power, resize, snapshot
from apps.compute.services.disk_attachment import attach_disk
from apps.compute.services.guest_password import reset_password
from apps.compute.services.recovery import recover_vm
from apps.compute.services.reinstall import reinstall_vm
from apps.compute.services.vm import create_vms
from apps.console.services import open_console
from apps.drivers.memory import MemoryHypervisor
from apps.drivers.specs import PauseReason as DriverPause
from apps.infrastructure import backends
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Operation
from apps.network.models import Eip, Subnet
from apps.network.services import nic, subnet
from apps.storage.services.create import create_disks
from tests.kinds.case import KindCase
from tests.kinds.vpc import make_vpc
from tests.reconciliation.planting import stray_domain
from tests.recovery.crash.dying_hosts import move_to_a_dying_host
from tests.recovery.crash.environment import Environment
from tests.recovery.crash.recipe import FORCE_CLEAN, RESYNC, ROLL_BACK, Recipe, done, new_name, spoilt
from tests.security.words import (
    A_ADMIN_UNKNOWN,
    A_INSIDE,
    A_INSIDE_CREATE,
    A_INSIDE_MANAGE,
    A_MANAGE,
    A_OPERATE,
    A_VIEW,
    ADMIN_INSIDE,
    P_ADMIN,
    P_CREATE,
    P_MANAGE,
    P_OPERATE,
    P_VIEW,
    admin,
    api,
    pages,
)

if TYPE_CHECKING:
    from tests.security.world import World
NEW_PASSWORD = "Another-4711"


def _create_vm(environment: Environment, _nothing: object = None, **more: Any) -> Operation:
    (operation,) = create_vms(
        environment.owner,
        name=new_name(),
        instance_type=environment.small.pk,
        image=environment.image.pk,
        subnet=environment.subnet.pk,
        security_group=None,
        project=environment.project.uid,
        **more,
    )
    return Operation.objects.get(pk=operation.pk)


def _create_with_parts(environment: Environment, eip: Eip) -> Operation:
    disk = {"size_gib": 10, "cluster": environment.storage.pk}
    return _create_vm(environment, data_disks=[disk], eip=eip.pk)


def _unbound_eip(environment: Environment) -> Eip:
    from tests.kinds.eip import made_eip  # that module makes VMs by what is here

    return made_eip(environment)


def make_vm(environment: Environment) -> Vm:
    made: Vm = done(_create_vm(environment))
    return made


def _connected(environment: Environment) -> Vm:
    """A VM with an EIP in the guest, one by one-to-one NAT, and an elastic NIC."""
    from tests.kinds.eip import bound_eip  # both modules make VMs by what is here
    from tests.kinds.eni import bound_eni

    made = make_vm(environment)
    for delivery in Eip.Delivery:
        bound_eip(environment, made, delivery)
    bound_eni(environment, made)
    return made


def _vm_with_all(environment: Environment) -> Vm:
    """A connected VM with a data disk, and snapshots of both its disks."""
    made = _connected(environment)
    (operation,) = create_disks(
        environment.owner,
        name=new_name(),
        size_gib=10,
        cluster=environment.storage.pk,
        project=environment.project.uid,
    )
    done(attach_disk(environment.owner, done(operation), vm=made.pk))
    done(snapshot.snapshot_disks(environment.owner, made, name=new_name()))
    return made


def _vm_before_ipv6(environment: Environment) -> Vm:
    """A VM in a subnet of its own that has got an IPv6 prefix since."""
    asked = subnet.create_subnet(
        environment.owner, vpc=make_vpc(environment).pk, name=new_name(), cidr="10.0.1.0/24"
    )
    own: Subnet = done(asked)
    made = make_vm(replace(environment, subnet=own))
    done(subnet.add_ipv6(environment.owner, own, cidr6="auto"))
    return made


def _delete(environment: Environment, vm: Vm) -> Operation:
    disks = [disk.pk for disk in vm.data_disks]
    return delete.delete_vm(environment.owner, vm, delete_disks=disks, with_snapshots=True)


def _stopped_vm(environment: Environment) -> Vm:
    made: Vm = done(power.power_off_vm(environment.owner, _connected(environment)))
    return made


def _stopped_with_snapshots(environment: Environment) -> Vm:
    """A stopped VM with a data disk, and snapshots of both its disks."""
    made: Vm = done(power.power_off_vm(environment.owner, _vm_with_all(environment)))
    return made


def _paused_vm(environment: Environment) -> Vm:
    """A VM that its host has paused for want of space, which there is again."""
    made = make_vm(environment)
    assert made.host is not None
    hypervisor = backends.hypervisor(made.host, None)
    assert isinstance(hypervisor, MemoryHypervisor)
    hypervisor.pause_guest(str(made.pk), DriverPause.NO_SPACE, cause_gone=True)
    Vm.objects.filter(pk=made.pk).update(pause_reason=DriverPause.NO_SPACE)
    return Vm.objects.get(pk=made.pk)


def _open_console(environment: Environment, vm: Vm) -> Operation:
    operation = open_console(environment.owner, vm).operation
    assert operation is not None
    return operation


def _resize(environment: Environment, vm: Vm) -> Operation:
    return resize.resize_vm(environment.owner, vm, instance_type=_type_of(vm, 4))


def _growable_vm(environment: Environment) -> Vm:
    """A running VM that was started with room to grow."""
    Image.objects.filter(pk=environment.image.pk).update(hot_upgrade=True)
    return make_vm(environment)


def _hot_add(environment: Environment, vm: Vm) -> Operation:
    return resize.hot_add(environment.owner, vm, instance_type=_type_of(vm, 2))


def _type_of(vm: Vm, vcpu: int) -> int:
    return InstanceType.objects.get(cluster=vm.cluster_id, vcpu=vcpu).pk


def _larger(world: World) -> dict[str, Any]:
    return {"instance_type": _type_of(world.vm, 2)}


CASE = KindCase(
    "vm",
    "vms",
    Vm,
    api=api(
        "vms",
        create=A_INSIDE_CREATE,
        patch=A_MANAGE,
        delete=A_MANAGE,
        start=A_OPERATE,
        shut_down=A_OPERATE,
        restart=A_OPERATE,
        power_off=A_OPERATE,
        console=A_INSIDE,
        retry=A_MANAGE,
        set_security_group=A_MANAGE,
        set_nic_bandwidth=A_MANAGE,
        add_ipv6=A_MANAGE,
        snapshot_disks=A_MANAGE,
        save_template=A_MANAGE,
        resize=A_MANAGE,
        hot_add=A_MANAGE,
        discard_resize=A_MANAGE,
        create_image=A_MANAGE,
        reset_password=A_INSIDE_MANAGE,
        reinstall=A_INSIDE_MANAGE,
        migrate=A_ADMIN_UNKNOWN,
        set_ha_priority=A_MANAGE,
    )
    | {"api:vms-metrics GET": A_VIEW},
    pages=pages(
        "vm",
        read="one tab.network tab.disks tab.monitoring tab.activity menu",
        create=P_CREATE,
        start=P_OPERATE,
        shut_down=P_OPERATE,
        restart=P_OPERATE,
        power_off=P_OPERATE,
        retry=P_MANAGE,
        snapshot_disks=P_MANAGE,
        create_image=P_MANAGE,
        set_security_group=P_MANAGE,
        set_nic_bandwidth=P_MANAGE,
        add_ipv6=P_MANAGE,
        save_template=P_MANAGE,
        resize=P_MANAGE,
        hot_add=P_MANAGE,
        discard_resize=P_MANAGE,
        reset_password=P_MANAGE,
        reinstall=P_MANAGE,
        set_ha_priority=P_MANAGE,
        rename=P_MANAGE,
        delete=P_MANAGE,
    )
    | {
        "portal:vm.console GET": P_OPERATE,
        "portal:vm.migrate GET": P_VIEW,
        "portal:vm.migrate POST": P_ADMIN,
        "portal:vm.screenshot GET": P_OPERATE,
        "portal:vm.screenshot.file GET": P_OPERATE,
    },
    admin=admin(
        "vm",
        read="one tab.network tab.disks tab.monitoring tab.activity menu",
        acts="start shut_down restart power_off retry snapshot_disks create_image set_security_group "
        "set_nic_bandwidth add_ipv6 resize hot_add discard_resize reset_password reinstall "
        "set_ha_priority save_template migrate rename delete",
    )
    # The inside of a tenant's machine: an admin acts as the tenant first.
    | dict.fromkeys(
        ("admin:vm.console GET", "admin:vm.screenshot GET", "admin:vm.screenshot.file GET"),
        ADMIN_INSIDE,
    )
    | {f"admin:vm.{action} POST": ADMIN_INSIDE for action in ("reset_password", "reinstall")},
    key=lambda world: world.vm.pk,
    body=lambda w: {
        "name": "new",
        "project": str(w.project.uid),
        "instance_type": w.instance_type.pk,
        "image": str(w.image.pk),
        "subnet": str(w.subnet.pk),
        "security_group": None,
    },
    form=lambda w: {
        "name": "new",
        "count": 1,
        "project": str(w.project.uid),
        "instance_type": w.instance_type.pk,
        "image": str(w.image.pk),
        "subnet": str(w.subnet.pk),
        "security_group": "",
    },
    bodies={
        "set_security_group": lambda w: {"security_group": str(w.keys["security-groups"])},
        "set_nic_bandwidth": lambda w: {"mbit_in": 10, "mbit_out": 10},
        "console": lambda w: {"kind": "browser"},
        "snapshot_disks": lambda w: {"name": "new"},
        "save_template": lambda w: {"name": "new"},
        "resize": _larger,
        "hot_add": _larger,
        "create_image": lambda w: {"name": "new"},
        "reset_password": lambda w: {"password": NEW_PASSWORD},
        "reinstall": lambda w: {"image": str(w.image.pk)},
        "set_ha_priority": lambda w: {"priority": "high"},
    },
    forms={
        "set_security_group": lambda w: {"security_group": str(w.keys["security-groups"])},
        "set_nic_bandwidth": lambda w: {"mbit_in": 10, "mbit_out": 10},
        "snapshot_disks": lambda w: {"name": "new"},
        "save_template": lambda w: {"name": "new"},
        "resize": _larger,
        "hot_add": _larger,
        "create_image": lambda w: {"name": "new"},
        "reset_password": lambda w: {"password": NEW_PASSWORD},
        "reinstall": lambda w: {"image": str(w.image.pk)},
        "set_ha_priority": lambda w: {"priority": "high"},
    },
    recipes={
        "create": Recipe(_create_with_parts, _unbound_eip),
        "retry": Recipe(
            lambda environment, vm: power.retry_vm(environment.owner, vm),
            lambda environment: spoilt(_create_vm(environment), "hypervisor.ensure_power"),
        ),
        "start": Recipe(lambda environment, vm: power.start_vm(environment.owner, vm), _stopped_vm),
        "shut_down": Recipe(lambda environment, vm: power.shut_down_vm(environment.owner, vm), make_vm),
        "restart": Recipe(lambda environment, vm: power.restart_vm(environment.owner, vm), make_vm),
        "resume": Recipe(lambda environment, vm: power.resume_vm(SYSTEM, vm), _paused_vm),
        "recover": Recipe(
            lambda environment, vm: recover_vm(SYSTEM, vm),
            lambda environment: move_to_a_dying_host(environment, _connected(environment)),
        ),
        "finish_first_boot": Recipe(lambda environment, vm: power.finish_first_boot(SYSTEM, vm), make_vm),
        "power_off": Recipe(lambda environment, vm: power.power_off_vm(environment.owner, vm), make_vm),
        "delete": Recipe(_delete, _vm_with_all),
        "set_security_group": Recipe(
            lambda environment, vm: nic.set_security_group(
                environment.owner, vm, security_group=environment.group.pk
            ),
            make_vm,
        ),
        "set_nic_bandwidth": Recipe(
            lambda environment, vm: nic.set_nic_bandwidth(environment.owner, vm, mbit_in=10, mbit_out=20),
            make_vm,
        ),
        "add_ipv6": Recipe(lambda environment, vm: nic.add_ipv6(environment.owner, vm), _vm_before_ipv6),
        "snapshot_disks": Recipe(
            lambda environment, vm: snapshot.snapshot_disks(environment.owner, vm, name=new_name()), make_vm
        ),
        "resize": Recipe(_resize, _stopped_vm),
        "hot_add": Recipe(_hot_add, _growable_vm),
        "console": Recipe(_open_console, make_vm),
        "reset_password": Recipe(
            lambda environment, vm: reset_password(environment.owner, vm, password=NEW_PASSWORD), make_vm
        ),
        "reinstall": Recipe(
            lambda environment, vm: reinstall_vm(
                environment.owner,
                vm,
                image=environment.image.pk,
                password=NEW_PASSWORD,
                delete_snapshots=True,
            ),
            _stopped_with_snapshots,
        ),
        "migrate": Recipe(lambda environment, vm: migration.migrate_vm(environment.admin, vm), _connected),
        "resync": Recipe(RESYNC, _connected),
        "roll_back": Recipe(ROLL_BACK, make_vm),
        "force_clean": Recipe(FORCE_CLEAN, _connected, gives_up=True),
    },
    stray=stray_domain,
)
