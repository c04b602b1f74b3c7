"""What a create call may and may not ask for, and what it reserves."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from passlib.hash import sha512_crypt

from apps.accounts.models import Project, Tenant, User
from apps.compute.models import Image, Vm
from apps.compute.services.forecast import forecast_vms
from apps.compute.services.instance_type import create_default_types
from apps.compute.services.key_pair import create_key_pair
from apps.compute.specs import vm_spec
from apps.drivers.specs import Architecture, OsFamily
from apps.infrastructure.models import ComputeCluster, Host, StorageCluster
from apps.infrastructure.services.clusters import permit
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden, Invalid, NoCapacity, NotNow, QuotaExceeded, Refused
from apps.lifecycle.models import Operation, Resource, State
from apps.network.models import Nic, Subnet
from apps.quotas.models import Quota
from tests import factories
from tests.compute.factories import GIB, Cloud, ask_for_vms, make_cloud, make_group, make_image, make_vm

pytestmark = pytest.mark.django_db


@pytest.mark.requirement("VM-1")
def test_a_batch_makes_numbered_vms_with_addresses_of_their_own(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    operations = ask_for_vms(owner, cloud, subnet, count=10)
    assert len(operations) == 10
    assert sorted(Vm.objects.values_list("name", flat=True)) == sorted(f"web-{n}" for n in range(1, 11))
    assert sorted(Vm.objects.values_list("hostname", flat=True)) == sorted(f"web-{n}" for n in range(1, 11))
    assert len(set(Nic.objects.exclude(ip=None).values_list("ip", flat=True))) == 10
    assert len(set(Nic.objects.values_list("mac", flat=True))) == 20
    assert {host.vcpu_reserved for host in Host.objects.all()} == {5}


@pytest.mark.requirement("VM-1")
@pytest.mark.requirement("SE-4")
def test_first_boot_data_reaches_the_guest_and_the_password_nobody_else(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    key = create_key_pair(owner, name="laptop").key_pair
    vm = make_vm(
        owner,
        cloud,
        subnet,
        password="Secret-12345",
        key_pairs=[key.pk],
        hostname="db1",
        user_data="#!/bin/sh\ntrue\n",
    )
    seed = vm_spec(vm).seed
    assert sha512_crypt.verify("Secret-12345", seed.password_hash)
    assert (seed.hostname, seed.ssh_keys, seed.user_data) == ("db1", (key.public_key,), "#!/bin/sh\ntrue\n")
    assert "$6$" not in vm.sealed_password_hash
    assert "Secret" not in str(list(Operation.objects.values())) + str(list(Vm.objects.values()))


@pytest.mark.requirement("VM-1")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "x" * 64),
        ("name", "two\nlines"),
        ("description", "x" * 256),
        ("count", 0),
        ("count", 11),
        ("hostname", "-web"),
        ("hostname", "w"),
        ("hostname", "web_1"),
        ("hostname", "x" * 64),
        ("hostname", "12345"),
        ("password", "short1A"),
        ("password", "alllowercase"),
        ("password", "Tab\there123"),
        ("user_data", "x" * (64 * 1024 + 1)),
        ("user_data", "a\x00b"),
        ("disk_gib", 33_000),
        ("instance_type", 0),
        ("image", uuid.uuid4()),
        ("subnet", uuid.uuid4()),
        ("security_group", uuid.uuid4()),
        ("key_pairs", [uuid.uuid4()]),
    ],
)
def test_bad_input_is_refused_at_its_field_and_leaves_nothing(
    cloud: Cloud, subnet: Subnet, owner: Actor, field: str, value: Any
) -> None:
    with pytest.raises(Invalid) as refused:
        ask_for_vms(owner, cloud, subnet, **{field: value})
    assert list(refused.value.fields) == [field]
    assert not Vm.objects.exists()
    assert not Quota.objects.filter(used__gt=0).exists()


def test_a_disk_cannot_be_smaller_than_the_image(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    big = make_image(cloud.storage, "Big", min_disk_gib=50)
    with pytest.raises(Invalid, match="50 to"):
        ask_for_vms(owner, cloud, subnet, image=big.pk, disk_gib=49)
    vm = make_vm(owner, cloud, subnet, image=big.pk)
    assert vm.disks.get().size_gib == 50


@pytest.mark.requirement("AC-2")
def test_over_quota_creates_nothing_and_says_what_is_short(
    cloud: Cloud, subnet: Subnet, owner: Actor, tenant_a: Tenant
) -> None:
    Quota.objects.filter(tenant=tenant_a, metric="vm").update(limit=2)
    with pytest.raises(QuotaExceeded, match="Virtual machines"):
        ask_for_vms(owner, cloud, subnet, count=3)
    assert not Vm.objects.exists()
    assert not Nic.objects.exists()
    assert not Host.objects.filter(vcpu_reserved__gt=0).exists()


@pytest.mark.requirement("CL-5")
def test_no_room_gives_the_quota_and_addresses_back(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    Host.objects.update(accepts_vms=False)
    with pytest.raises(NoCapacity, match="2 hosts have scheduling disabled"):
        ask_for_vms(owner, cloud, subnet)
    assert not Quota.objects.filter(used__gt=0).exists()
    assert not Nic.objects.exists()


@pytest.mark.requirement("CL-2")
def test_system_disks_take_space_of_their_storage_cluster(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    StorageCluster.objects.filter(pk=cloud.storage.pk).update(capacity_bytes=100 * GIB, overcommit=100)
    ask_for_vms(owner, cloud, subnet, count=2, disk_gib=45)
    with pytest.raises(NoCapacity, match="10 GiB left, 11 GiB are needed") as refused:
        ask_for_vms(owner, cloud, subnet, disk_gib=11)
    assert (refused.value.code, refused.value.field) == ("storage.no_capacity", "disk_gib")
    assert Vm.objects.count() == 2
    assert StorageCluster.objects.get().provisioned_gib == 90
    forecast = forecast_vms(owner, {"image": cloud.image.pk, "disk_gib": 11})
    assert [error.code for error in forecast.refusals] == ["storage.no_capacity"]


@pytest.mark.requirement("CL-2")
def test_the_forecast_counts_all_disks_of_a_storage_cluster_together(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    StorageCluster.objects.filter(pk=cloud.storage.pk).update(capacity_bytes=100 * GIB, overcommit=100)
    data = [{"size_gib": 30, "cluster": cloud.storage.pk}]
    fits = {"image": cloud.image.pk, "disk_gib": 70, "data_disks": data}
    assert forecast_vms(owner, fits).refusals == []
    [refused] = forecast_vms(owner, {**fits, "disk_gib": 71}).refusals
    assert (refused.code, refused.field) == ("storage.no_capacity", "disk_gib")
    with pytest.raises(NoCapacity, match="100 GiB left, 101 GiB are needed"):
        ask_for_vms(owner, cloud, subnet, disk_gib=71, data_disks=data)


@pytest.mark.requirement("CL-2")
def test_a_storage_cluster_that_is_closed_takes_no_new_system_disk(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    StorageCluster.objects.update(accepts_disks=False)
    with pytest.raises(Refused, match="closed to new disks") as refused:
        ask_for_vms(owner, cloud, subnet)
    assert (refused.value.code, refused.value.field) == ("storage.closed", "image")


@pytest.mark.requirement("RG-2")
def test_things_of_two_regions_are_not_bound_together(
    cloud: Cloud, subnet: Subnet, owner: Actor, project_a: Project, tenant_a: Tenant
) -> None:
    other = make_cloud(cloud.world)
    with pytest.raises(Refused, match=f"is in region {cloud.region}.*in region {other.region}") as refused:
        ask_for_vms(owner, cloud, other.network(tenant_a))
    assert refused.value.code == "region.mismatch"
    with pytest.raises(Refused, match="in region"):
        ask_for_vms(owner, cloud, subnet, image=other.image.pk)
    with pytest.raises(Refused, match="in region"):
        ask_for_vms(owner, cloud, subnet, security_group=make_group(other.region, project_a).pk)
    with pytest.raises(Refused, match="in region"):
        ask_for_vms(owner, cloud, subnet, instance_type=other.small.pk)


@pytest.mark.requirement("CL-4")
@pytest.mark.requirement("IT-3")
def test_a_cluster_of_chosen_tenants_does_not_exist_for_others(
    cloud: Cloud, subnet: Subnet, owner: Actor, ada: User, tenant_a: Tenant, tenant_b: Tenant
) -> None:
    admin = factories.actor_for_user(ada)
    permit(admin, cloud.cluster, open_to_all=False, tenants=[tenant_b])
    with pytest.raises(Invalid) as refused:
        ask_for_vms(owner, cloud, subnet)
    assert list(refused.value.fields) == ["instance_type"]
    permit(admin, cloud.cluster, open_to_all=False, tenants=[tenant_a])
    permit(admin, cloud.storage, open_to_all=False, tenants=[tenant_b])
    with pytest.raises(Invalid) as refused:
        ask_for_vms(owner, cloud, subnet)
    assert list(refused.value.fields) == ["image"]
    permit(admin, cloud.storage, open_to_all=False, tenants=[tenant_a])
    make_vm(owner, cloud, subnet)


def test_an_image_for_other_cpus_is_refused(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    arm = make_image(cloud.storage, "ARM", architecture="aarch64")
    with pytest.raises(Refused, match="needs ARM"):
        ask_for_vms(owner, cloud, subnet, image=arm.pk)


def test_an_image_that_is_not_ready_is_refused(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    Resource.objects.filter(pk=cloud.image.pk).update(state=State.PENDING)
    with pytest.raises(NotNow, match="is not created yet"):
        ask_for_vms(owner, cloud, subnet)


@pytest.mark.requirement("AC-1")
def test_a_stranger_cannot_use_anothers_subnet_and_a_viewer_cannot_create(
    cloud: Cloud, subnet: Subnet, bob: User, vera: User, mia: User
) -> None:
    with pytest.raises(Invalid) as refused:
        ask_for_vms(factories.actor_for_user(bob), cloud, subnet)
    assert list(refused.value.fields) == ["subnet"]
    with pytest.raises((Forbidden, Invalid)):
        ask_for_vms(factories.actor_for_user(vera), cloud, subnet)
    make_vm(factories.actor_for_user(mia), cloud, subnet)


@pytest.mark.requirement("IT-1")
def test_a_new_cluster_has_the_default_types() -> None:
    cluster = factories.make_cluster(factories.make_region())
    create_default_types(cluster)
    assert [t.name for t in cluster.instance_types.all()] == ["1C2G", "2C4G", "4C8G", "8C16G", "16C32G"]


@pytest.mark.requirement("VM-1")
def test_the_traits_of_image_and_cluster_reach_the_host(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    windows = make_image(cloud.storage, "Windows", os_family=Image.Family.WINDOWS)
    spec = vm_spec(make_vm(owner, cloud, subnet, image=windows.pk))
    assert (spec.os_family, spec.architecture) == (OsFamily.WINDOWS, Architecture.X86)
    ComputeCluster.objects.update(architecture=ComputeCluster.Architecture.ARM)
    with pytest.raises(Refused, match=r"needs x86 CPUs, but cluster .* has ARM CPUs") as refused:
        ask_for_vms(owner, cloud, subnet)
    assert refused.value.code == "image.architecture"
    Image.objects.update(architecture=ComputeCluster.Architecture.ARM)
    spec = vm_spec(make_vm(owner, cloud, subnet, name="arm"))
    assert (spec.os_family, spec.architecture) == (OsFamily.LINUX, Architecture.ARM)
