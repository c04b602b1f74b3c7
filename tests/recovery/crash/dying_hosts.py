"""Hosts of their own for the crash campaign: they die, and nothing of what others try is on them."""

from __future__ import annotations

from uuid import uuid4

from apps.compute.models import Vm
from apps.infrastructure import backends
from apps.infrastructure.models import Certainty, ComputeCluster, Host, HostController, Liveness
from apps.infrastructure.services.failure import mark_off
from tests import factories
from tests.recovery.crash.environment import Environment


def _host(environment: Environment, **columns: object) -> Host:
    cluster = ComputeCluster.objects.get(region=environment.region)
    return factories.make_host(
        cluster, f"dying-{uuid4().hex[:12]}", vcpus=1024, memory_gib=8192, **{"accepts_vms": False, **columns}
    )


def silent_host(environment: Environment) -> Host:
    """A host with a management controller that nothing is heard of."""
    host = _host(environment, liveness=Liveness.UNKNOWN)
    backends.memory_world().disconnect(host.name)
    HostController.objects.create(host=host, url="https://192.0.2.1", user="it", sealed_password="")
    return Host.objects.get(pk=host.pk)


def closed_host(environment: Environment) -> Host:
    """A host that nothing is on and nothing comes to; tests/compute/test_draining.py kills drains with VMs."""
    return _host(environment)


def returning_host(environment: Environment) -> Host:
    """A host that was off and is back."""
    host = dead_host(_host(environment))
    backends.memory_world().boot(host.name)
    return host


def dead_host(host: Host) -> Host:
    """Take a host's power, and let everybody be certain of it."""
    backends.memory_world().power_cut(host.name)
    mark_off(host, Certainty.ADMIN)
    return Host.objects.get(pk=host.pk)


def move_to_a_dying_host(environment: Environment, vm: Vm) -> Vm:
    """Let a VM die with a host that has nothing but it."""
    host = _host(environment, vcpu_reserved=vm.vcpu, memory_reserved_mib=vm.memory_mib)
    assert vm.host is not None
    old = vm.host
    backends.hypervisor(old, None).ensure_vm_absent(str(vm.pk))
    Host.objects.filter(pk=old.pk).update(
        vcpu_reserved=old.vcpu_reserved - vm.vcpu, memory_reserved_mib=old.memory_reserved_mib - vm.memory_mib
    )
    Vm.objects.filter(pk=vm.pk).update(host=host)
    dead_host(host)
    return Vm.objects.get(pk=vm.pk)
