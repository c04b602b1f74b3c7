"""The address that `onebox ssh` takes in a VM's subnet."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from onebox.shell import OneboxError
from onebox.vm_network import Place, free_address

NETWORK = IPv4Network("10.0.0.0/29")


def test_the_highest_free_address_is_taken_which_vms_get_last() -> None:
    assert free_address(NETWORK, set()) == "10.0.0.6"
    assert free_address(NETWORK, {"10.0.0.6", "10.0.0.5"}) == "10.0.0.4"


def test_neither_network_nor_gateway_nor_broadcast_address_is_taken() -> None:
    vms = {f"10.0.0.{number}" for number in range(2, 7)}
    with pytest.raises(OneboxError, match="no free address"):
        free_address(NETWORK, vms)


def test_its_mac_is_none_of_the_platforms() -> None:
    assert Place("s", "10.0.0.6", 29).mac == "06:00:0a:00:00:06"
