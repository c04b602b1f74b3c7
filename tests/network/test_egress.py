"""Which EIP connections leave by that a VM begins."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from apps.network.egress import default_egress, leaves_in_guest
from apps.network.models import Eip, ExternalSegment

pytestmark = pytest.mark.requirement("EI-4")

INTERNET = ExternalSegment(cidr=ip_network("203.0.113.0/24"), routes=[ip_network("0.0.0.0/0")])
INTERNET6 = ExternalSegment(cidr=ip_network("2001:db8:101::/64"), routes=[ip_network("::/0")])
DATA_CENTRE = ExternalSegment(cidr=ip_network("172.20.1.0/24"), routes=[ip_network("172.21.0.0/16")])


def an_eip(segment: ExternalSegment, *, picked: bool = False, delivery: str = Eip.Delivery.GUEST) -> Eip:
    return Eip(segment=segment, is_egress=picked, delivery=delivery)


def test_the_first_bound_with_a_default_route_is_the_default_egress() -> None:
    named, first, second = an_eip(DATA_CENTRE), an_eip(INTERNET), an_eip(INTERNET)
    assert default_egress([named, first, second]) is first
    assert default_egress([named]) is None
    assert default_egress([]) is None


def test_the_picked_one_is_the_default_egress_while_its_segment_has_a_default_route() -> None:
    first, picked = an_eip(INTERNET), an_eip(INTERNET, picked=True)
    assert default_egress([first, picked]) is picked
    assert default_egress([first, an_eip(DATA_CENTRE, picked=True)]) is first


@pytest.mark.requirement("EI-6")
def test_each_ip_version_has_a_default_egress_of_its_own() -> None:
    six, four, picked = an_eip(INTERNET6), an_eip(INTERNET), an_eip(INTERNET, picked=True)
    eips = [six, four, picked]
    assert (default_egress(eips, 4), default_egress(eips, 6)) == (picked, six)


def test_the_internal_nic_keeps_the_default_route_unless_the_egress_is_in_the_guest() -> None:
    translated = an_eip(INTERNET, delivery=Eip.Delivery.TRANSLATED)
    assert not leaves_in_guest([])
    assert not leaves_in_guest([translated, an_eip(INTERNET)])
    assert not leaves_in_guest([an_eip(INTERNET6)])
    assert leaves_in_guest([an_eip(INTERNET), translated])
