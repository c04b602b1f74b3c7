"""IPv6 of a real VM: added while it runs, configured by its guest agent, reached from another host of the VPC."""

from __future__ import annotations

import pytest
from onebox.shell import wait_until

from apps.compute.models import Vm
from apps.network.models import Eni, NicRole, Subnet
from apps.network.selectors import elastic_nics
from apps.network.specs import port_spec
from tests.drivers.guests import Guest
from tests.drivers.netns import netns_guest
from tests.real_site import RealSite

pytestmark = [pytest.mark.real, pytest.mark.timeout(600), pytest.mark.requirement("VP-2")]


def test_a_running_vm_gets_an_ipv6_address_that_its_vpc_reaches(real_site: RealSite) -> None:
    customer = real_site.tenant("six")
    api, subnet_id = customer.api, customer.subnet
    body = {
        "name": "web",
        "instance_type": real_site.small.pk,
        "image": str(real_site.image.pk),
        "subnet": subnet_id,
        "security_group": None,
    }
    pk = api.change("POST", "/vms", body)["resources"][0]["id"]
    real_site.wait_ready(pk=pk)
    vm = Vm.objects.select_related("host").get(pk=pk)
    assert vm.host is not None
    here = real_site.box.host(vm.host.name)
    guest = Guest(here, pk)
    guest.wait_booted()
    nic = vm.nics.get(role=NicRole.INTERNAL)
    guest.wait_for_address(str(nic.ip))

    api.change("POST", f"/subnets/{subnet_id}/add-ipv6", {"cidr6": "auto"})
    api.change("POST", f"/vms/{pk}/add-ipv6", {})
    nic.refresh_from_db()
    wait_until(lambda: f" {nic.ip6}/" in guest.output("ip -6 addr"), f"{nic.ip6} in the guest", seconds=60)
    assert f" {nic.ip}/" in guest.output("ip -4 addr")

    made = api.change("POST", "/enis", {"name": "peer", "subnet": subnet_id})["resource"]["id"]
    real_site.wait_ready(pk=made)
    subnet = Subnet.objects.get(pk=subnet_id)
    eni: Eni = elastic_nics().get(pk=made)
    spec = port_spec(eni.nic, generation=eni.generation, default_route=False)
    other = next(host for host in real_site.box.hosts if host.name != here.name)
    with netns_guest(other, spec, str(subnet.gateway)) as peer:
        wait_until(lambda: peer.dhcp6_offer() == spec.ip6, f"an offer of {spec.ip6}", seconds=60)
        peer.exec("ip", "-6", "addr", "add", f"{spec.ip6}/64", "dev", "eth0", "nodad")
        wait_until(lambda: peer.pings(str(nic.ip6)), f"an answer of {nic.ip6}", seconds=60)
        assert guest.pings(spec.ip6) and guest.pings(str(subnet.gateway6)) and guest.pings(spec.ip)
