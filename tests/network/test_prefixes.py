"""Which IPv6 prefixes subnets may have, and which addresses are in them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from uuid import UUID, uuid4

import pytest

from apps.lifecycle.errors import Invalid
from apps.network.prefixes import chosen_addresses, derived_address, free_prefix, read_prefix

pytestmark = pytest.mark.requirement("VP-2")

PREFIX, BLOCK = IPv6Network("fd12:3456:789a:1::/64"), IPv4Network("10.0.1.0/24")


@pytest.mark.parametrize("text", ["fd12:3456:789a:1::/64", " 2001:db8:7::/64 ", "FD12:0:0:1::/64"])
def test_unique_local_and_global_prefixes_of_64_bits_are_taken(text: str) -> None:
    assert read_prefix(text, "cidr6") == IPv6Network(text.strip())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("fd12::", "Add the prefix length, such as fd12::/128"),
        ("fd12:0:0:1::5/64", "Host bits are set. Did you mean fd12:0:0:1::/64"),
        ("fd12::/48", "must be /64"),
        ("fd12::/65", "must be /64"),
        ("10.0.0.0/16", "Not an IPv6 prefix"),
        ("fe80::/64", "fe80::/10 cannot be used"),
        ("ff02::/64", "ff00::/8 cannot be used"),
        ("::/64", "::/32 cannot be used"),
        ("fd77:0:0:9::/64", "fd77::/16 cannot be used"),
        ("fd78::/64", "fd78::/16 cannot be used"),
        ("fec0::/64", "Use a prefix of fc00::/7"),
        ("64:ff9b::/64", "Use a prefix of fc00::/7"),
        ("fe80::1%eth0/64", "Not a CIDR block"),
        ("fd12::/064", "Use a prefix length"),
        ("what", "Not a CIDR block"),
    ],
)
def test_other_prefixes_are_refused_at_their_field(text: str, why: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_prefix(text, "cidr6")
    assert list(refusal.value.fields) == ["cidr6"] and why in refusal.value.fields["cidr6"][0]


def test_a_vpc_has_unique_local_prefixes_of_its_own_and_gives_the_lowest_free_one() -> None:
    vpc = UUID(int=7)
    first = free_prefix(vpc, [], [])
    assert first is not None and first.subnet_of(IPv6Network("fd00::/8"))
    second = free_prefix(vpc, [first], [])
    assert second is not None and int(second[0]) - int(first[0]) == 1 << 64
    assert free_prefix(vpc, [second, PREFIX], []) == first == free_prefix(vpc, [], [])
    other = free_prefix(uuid4(), [], [])
    assert other is not None and other.supernet(new_prefix=48) != first.supernet(new_prefix=48)


def test_a_free_prefix_is_clear_of_external_segments_and_of_what_the_platform_uses() -> None:
    vpc = UUID(int=7)
    first = free_prefix(vpc, [], [])
    assert first is not None
    moved = free_prefix(vpc, [], [first])
    assert moved is not None and not moved.overlaps(first)
    used = [IPv6Network("fd77::/16"), IPv6Network("fd78::/16")]
    found = [free_prefix(UUID(int=number), [], []) for number in range(2000)]
    assert not any(block is None or block.overlaps(each) for block in found for each in used)


def test_there_is_no_free_prefix_when_all_of_the_vpc_are_taken() -> None:
    vpc = UUID(int=7)
    first = free_prefix(vpc, [], [])
    assert first is not None
    taken = [IPv6Network((int(first[0]) + (number << 64), 64)) for number in range(2**16 - 1)]
    assert free_prefix(vpc, taken[:-1], []) == taken[-1]
    assert free_prefix(vpc, taken, []) is None


def test_an_ipv6_address_has_the_number_of_the_ipv4_address_and_chosen_ones_are_behind() -> None:
    assert derived_address(PREFIX, BLOCK, IPv4Address("10.0.1.17")) == IPv6Address("fd12:3456:789a:1::11")
    first, last = chosen_addresses(PREFIX, BLOCK)
    assert str(first) == "fd12:3456:789a:1::100"
    assert str(last) == "fd12:3456:789a:1:fdff:ffff:ffff:ff7f"
    assert derived_address(PREFIX, BLOCK, BLOCK.broadcast_address) < first
