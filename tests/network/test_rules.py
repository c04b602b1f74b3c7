"""Rules as typed, checked and spelt out (SG-2)."""

from __future__ import annotations

from typing import Any

import pytest

from apps.lifecycle.errors import Invalid
from apps.network.rule_ports import port_text
from apps.network.rule_shortcuts import service_name
from apps.network.rules import MAX_RULES, parse_rules

pytestmark = pytest.mark.requirement("SG-2")


def rule(**given: Any) -> dict[str, Any]:
    return {"direction": "in", "protocol": "tcp", "port": "80", "address": "0.0.0.0/0", **given}


def parsed(**given: Any) -> list[tuple[str, str, str]]:
    return [
        (r.protocol, port_text(r.port_min, r.port_max), str(r.cidr)) for r in parse_rules([rule(**given)])
    ]


@pytest.mark.parametrize(
    ("shortcut", "means"),
    [
        ("ftp", [("tcp", "20-21")]),
        ("http", [("tcp", "80")]),
        ("https", [("tcp", "443")]),
        ("ping", [("icmpv4", "")]),
        ("openvpn", [("udp", "1194")]),
        ("pptp", [("tcp", "1723"), ("gre", "")]),
        ("rdp", [("tcp", "3389")]),
        ("SSH", [("tcp", "22")]),
    ],
)
def test_a_shortcut_becomes_the_rules_it_stands_for(shortcut: str, means: list[tuple[str, str]]) -> None:
    assert parsed(protocol=shortcut, port="") == [(*meant, "0.0.0.0/0") for meant in means]


def test_ping_to_an_ipv6_address_is_icmpv6() -> None:
    assert parsed(protocol="ping", port="", address="::/0") == [("icmpv6", "", "::/0")]


@pytest.mark.parametrize("protocol", ["all", "all_tcp", "all_udp", "icmpv4", "gre"])
def test_protocols_without_ports_take_none(protocol: str) -> None:
    assert parsed(protocol=protocol, port="") == [(protocol, "", "0.0.0.0/0")]
    with pytest.raises(Invalid) as refusal:
        parse_rules([rule(protocol=protocol, port="80")])
    assert list(refusal.value.fields) == ["rules.0.port"]


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize(("port", "kept"), [("1", "1"), ("65535", "65535"), ("80 - 90", "80-90"), (22, "22")])
def test_tcp_and_udp_take_a_port_or_a_range(protocol: str, port: object, kept: str) -> None:
    assert parsed(protocol=protocol, port=port) == [(protocol, kept, "0.0.0.0/0")]


@pytest.mark.parametrize(
    "port", ["", "0", "65536", "90-80", "-1", "80-", "x", "1,2", "１", "1-2-3", "080000"]
)
def test_anything_else_is_no_port(port: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_rules([rule(port=port)])
    assert list(refusal.value.fields) == ["rules.0.port"]


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        (" 10.0.0.0/8 ", "10.0.0.0/8"),
        ("::/0", "::/0"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("2001:DB8::/32", "2001:db8::/32"),
    ],
)
def test_an_address_or_a_block_of_either_family_is_taken(address: str, kept: str) -> None:
    assert parsed(address=address) == [("tcp", "80", kept)]


@pytest.mark.parametrize(
    "address", ["", "10.0.0.5/8", "10.0.0.0/33", "example.org", "10.0.0", "2001:db8::1/32"]
)
def test_anything_else_is_no_address(address: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_rules([rule(address=address)])
    assert list(refusal.value.fields) == ["rules.0.address"]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("0.0.0.0", "0.0.0.0 cannot be the address of a machine. Did you mean 0.0.0.0/0?"),  # noqa: S104
        ("0.0.0.0/32", "Did you mean 0.0.0.0/0?"),
        ("::", ":: cannot be the address of a machine. Did you mean ::/0?"),
        ("::/128", "Did you mean ::/0?"),
        ("::ffff:192.0.2.7", "IPv4 address written as IPv6. Did you mean 192.0.2.7?"),
        ("::ffff:c000:207/128", "Did you mean 192.0.2.7/32?"),
        ("::ffff:10.0.0.0/104", "Did you mean 10.0.0.0/8?"),
        ("::ffff:0:0/96", "Did you mean 0.0.0.0/0?"),
        ("224.0.0.251", "Multicast"),
        ("239.0.0.0/8", "Multicast"),
        ("ff02::1", "Multicast"),
        ("127.0.0.1", "Loopback"),
        ("127.0.0.0/8", "Loopback"),
        ("::1", "Loopback"),
        ("10.0.0.5/8", "Did you mean 10.0.0.0/8?"),
    ],
)
def test_an_address_that_matches_nobody_is_refused_by_name(address: str, reason: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_rules([rule(address=address)])
    assert reason in refusal.value.fields["rules.0.address"][0]


@pytest.mark.parametrize("address", ["0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "::/1", "fe80::/10"])
def test_blocks_that_hold_more_than_special_addresses_are_taken(address: str) -> None:
    assert parsed(address=address) == [("tcp", "80", address)]


@pytest.mark.parametrize("action", ["accept", "reject", "drop"])
def test_a_rule_accepts_rejects_or_drops(action: str) -> None:
    (checked,) = parse_rules([rule(action=action)])
    assert checked.action == action


@pytest.mark.parametrize(("protocol", "address"), [("icmpv4", "::/0"), ("icmpv6", "0.0.0.0/0")])
def test_icmp_needs_an_address_of_its_own_family(protocol: str, address: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_rules([rule(protocol=protocol, port="", address=address)])
    assert list(refusal.value.fields) == ["rules.0.address"]


@pytest.mark.parametrize("field", ["direction", "protocol", "action", "priority"])
def test_an_unknown_word_is_refused_at_its_field(field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_rules([rule(**{field: "sideways"})])
    assert list(refusal.value.fields) == [f"rules.0.{field}"]


def test_left_out_action_and_priority_mean_accept_and_medium() -> None:
    (checked,) = parse_rules([rule()])
    assert (checked.action, checked.priority, checked.description) == ("accept", "medium", "")


def test_every_wrong_row_is_told_at_once() -> None:
    with pytest.raises(Invalid) as refusal:
        parse_rules([rule(port="x"), rule(), rule(address="x"), rule(description="d" * 256)])
    assert list(refusal.value.fields) == ["rules.0.port", "rules.2.address", "rules.3.description"]


def test_the_same_rule_twice_is_refused_naming_the_other_row() -> None:
    with pytest.raises(Invalid, match="Same as row 1") as refusal:
        parse_rules([rule(port="22"), rule(protocol="ssh", port="", description="again")])
    assert list(refusal.value.fields) == ["rules.1.protocol"]


@pytest.mark.requirement("SG-3")
def test_a_group_holds_two_hundred_rules_and_not_one_more() -> None:
    rules = [rule(port=str(n)) for n in range(1, MAX_RULES + 1)]
    assert len(parse_rules(rules)) == MAX_RULES == 200
    with pytest.raises(Invalid) as refusal:
        parse_rules([*rules, rule(port="443")])
    assert list(refusal.value.fields) == ["rules"]


@pytest.mark.requirement("SG-3")
def test_shortcuts_count_as_the_rules_they_stand_for() -> None:
    rules = [rule(port=str(n)) for n in range(1, MAX_RULES)]
    with pytest.raises(Invalid, match="201"):
        parse_rules([*rules, rule(protocol="pptp", port="")])


def test_a_rule_is_shown_by_the_shortcut_it_equals() -> None:
    assert service_name("tcp", "22") == "SSH"
    assert service_name("icmpv6", "") == "PING"
    assert service_name("tcp", "2222") == ""
