"""A VM's addresses on its pages: all of them on the network tab, some of them where there is no room for sixty."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Project, Tenant, User
from apps.compute.models import Vm
from apps.lifecycle.actor import Actor
from apps.network.models import Eip, ExternalSegment, NicRole, Subnet
from apps.network.services.eip_binding import bind_eip
from apps.network.services.nic import set_nic_bandwidth, set_security_group
from tests import factories
from tests.compute.eips import image_with_agent
from tests.compute.factories import Cloud, make_group, make_vm
from tests.network.external import DATA_CENTRE, make_eip, make_segment
from tests.network.factories import settle

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(tenant_a: Tenant) -> Project:
    return factories.default_project(tenant_a)


@pytest.fixture
def segment(cloud: Cloud) -> ExternalSegment:
    return make_segment(cloud.region)


@pytest.fixture
def vm(cloud: Cloud, subnet: Subnet, owner: Actor) -> Vm:
    return make_vm(owner, cloud, subnet, image=image_with_agent(cloud).pk)


@pytest.fixture
def client(alice: User) -> Client:
    return factories.page_client(alice)


def text(client: Client, path: str) -> str:
    """Return a page as one reads it: without tags, scripts and extra space."""
    body = re.sub(r"<(script|svg).*?</\1>|<[^>]+>", " ", client.get(path).content.decode(), flags=re.DOTALL)
    return " ".join(body.split())


@pytest.mark.requirement("EI-3", "UX-13")
def test_unbound_eips_of_the_region_are_bound_from_the_vms_network_tab(
    cloud: Cloud, client: Client, project: Project, segment: ExternalSegment, vm: Vm
) -> None:
    eip = make_eip(segment, project)
    far = make_eip(segment, project, name="far")
    Eip.objects.filter(pk=far.pk).update(region=factories.make_region("south"))
    page = client.get(f"/vms/{vm.pk}/network/").content.decode()
    assert eip.address in page and "far" not in page
    (target,) = set(re.findall(rf'action="(/eips/{eip.pk}/bind/)"', page))
    assert client.post(target, {"carrier": vm.pk}).status_code in (200, 204, 302)
    eip.refresh_from_db()
    assert eip.carrier_id == vm.pk


@pytest.mark.requirement("EI-4")
def test_an_eip_says_whether_it_is_the_default_egress_and_which_one_is(
    cloud: Cloud, client: Client, owner: Actor, project: Project, segment: ExternalSegment, vm: Vm
) -> None:
    first, second = make_eip(segment, project), make_eip(segment, project)
    inner = make_eip(make_segment(cloud.region, DATA_CENTRE), project)
    for eip in (first, second, inner):
        settle(bind_eip(owner, eip, carrier=vm.pk, delivery=Eip.Delivery.GUEST))
    for eip, words in (
        (first, "Default egress Yes: bound first"),
        (second, f"Default egress No: {first.address} is"),
        (inner, "Default egress No: its segment has no default route"),
    ):
        assert words in text(client, f"/eips/{eip.pk}/")


@pytest.mark.requirement("UX-13")
def test_of_many_eips_lists_and_headers_name_the_first_and_count_the_rest(
    client: Client, owner: Actor, project: Project, segment: ExternalSegment, vm: Vm
) -> None:
    eips = [make_eip(segment, project) for _ in range(5)]
    Eip.objects.filter(pk__in=[eip.pk for eip in eips]).update(carrier=vm.pk, bound_at=vm.created_at)
    first = min(eips, key=lambda eip: eip.pk)
    listed = client.get("/vms/").content.decode()
    own = vm.nics.get(role=NicRole.INTERNAL).ip
    assert re.search(rf'row-brief"><span>{own}, {first.address} \+4</span>', listed.replace("\u2060", ""))
    assert listed.count(f"{first.address} +4") == 2  # in its column, too
    assert "More EIPs +3" in text(client, f"/vms/{vm.pk}/")
    assert f"{first.address} +4" in text(client, "/search/?q=" + eips[-1].address)
    assert all(eip.address in text(client, f"/vms/{vm.pk}/network/") for eip in eips)


@pytest.mark.requirement("NI-3", "NI-4")
@pytest.mark.parametrize("role", [NicRole.INTERNAL, NicRole.EXTERNAL])
def test_the_dialogs_of_a_nic_start_with_what_it_has(
    cloud: Cloud, client: Client, owner: Actor, project: Project, vm: Vm, role: str
) -> None:
    group = make_group(cloud.region, project)
    settle(set_security_group(owner, vm, security_group=group.pk, role=role))
    settle(set_nic_bandwidth(owner, vm, mbit_in=40, mbit_out=50, role=role))

    def form(action: str) -> Any:
        page = client.get(f"/vms/{vm.pk}/network/").content.decode()
        assert f"/vms/{vm.pk}/{action}/?role={role}" in page
        return client.get(f"/vms/{vm.pk}/{action}/?role={role}").content.decode()

    assert re.search(rf'value="{group.pk}" selected', form("set-security-group"))
    assert f"· {group.name}" in form("set-security-group")
    assert 'value="40"' in form("set-nic-bandwidth") and "in 40, out 50 Mbit/s" in form("set-nic-bandwidth")
