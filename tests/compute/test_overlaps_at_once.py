"""A subnet over an external segment, and an address of the segment for a VM beside it, requested at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts.models import Project, Tenant
from apps.compute.services.eni_binding import bind_eni
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid
from apps.lifecycle.models import Operation
from apps.network.models import ExternalSegment, Subnet, Vpc
from apps.network.services.eip_binding import bind_eip
from apps.network.services.subnet import create_subnet
from tests import factories
from tests.compute.elastic import make_eni
from tests.compute.factories import Cloud, ask_for_vms, make_vm
from tests.concurrency.together import at_once
from tests.network.external import INTERNET, make_eip, make_segment
from tests.network.factories import make_subnet, make_vpc

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("EI-1", "OP-1")]
ATTEMPTS = pytest.mark.parametrize("attempt", range(3))


@pytest.fixture
def project(tenant_a: Tenant) -> Project:
    return factories.default_project(tenant_a)


@pytest.fixture
def segment(cloud: Cloud) -> ExternalSegment:
    return make_segment(cloud.region, {**INTERNET, "cidr": "192.168.1.0/24", "gateway": "192.168.1.1"})


@pytest.fixture
def vpc(cloud: Cloud, project: Project) -> Vpc:
    return make_vpc(project, cloud.region, cidr="192.168.0.0/16")


@pytest.fixture
def beside(vpc: Vpc) -> Subnet:
    return make_subnet(vpc, "192.168.0.0/24")


def one_of_both(owner: Actor, vpc: Vpc, task: Callable[[], Any]) -> None:
    """Run the task and the creation of the subnet at once: one is accepted, the other refused."""
    outcomes = at_once(
        [task, lambda: create_subnet(owner, vpc=vpc.pk, name="over-it", cidr="192.168.1.0/24")]
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, Invalid)]
    accepted = [outcome for outcome in outcomes if isinstance(outcome, Operation | list)]
    assert (len(refused), len(accepted)) == (1, 1), outcomes


@ATTEMPTS
def test_an_eip_is_not_bound_beside_a_new_subnet_over_it(
    cloud: Cloud, owner: Actor, project: Project, segment: ExternalSegment, beside: Subnet, attempt: int
) -> None:
    vm, eip = make_vm(owner, cloud, beside), make_eip(segment, project)
    one_of_both(owner, beside.vpc, lambda: bind_eip(owner, eip, carrier=vm.pk))


@ATTEMPTS
def test_a_vm_is_not_created_with_an_eip_beside_a_new_subnet_over_it(
    cloud: Cloud, owner: Actor, segment: ExternalSegment, beside: Subnet, attempt: int
) -> None:
    one_of_both(owner, beside.vpc, lambda: ask_for_vms(owner, cloud, beside, new_eip={"segment": segment.pk}))


@ATTEMPTS
def test_an_external_nic_is_not_bound_beside_a_new_subnet_over_it(
    cloud: Cloud, owner: Actor, segment: ExternalSegment, beside: Subnet, attempt: int
) -> None:
    vm, eni = make_vm(owner, cloud, beside), make_eni(owner, segment)
    one_of_both(owner, beside.vpc, lambda: bind_eni(owner, eni, vm=vm.pk))
