"""Security group rules as expressions of OVN."""

import pytest

from apps.drivers.errors import DriverError
from apps.drivers.ovn.security_groups import acls, match
from apps.drivers.specs import Direction, RuleAction, RulePriority, RuleProtocol, RuleSpec


def rule(
    protocol: RuleProtocol,
    cidr: str,
    ports: tuple[int, int] | None = None,
    direction: Direction = Direction.IN,
    action: RuleAction = RuleAction.ACCEPT,
    priority: RulePriority = RulePriority.MEDIUM,
) -> RuleSpec:
    low, high = ports or (None, None)
    return RuleSpec(direction, protocol, action, priority, cidr, low, high)


@pytest.mark.requirement("SG-2")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (rule(RuleProtocol.ALL, "0.0.0.0/0"), "outport == @g && ip4"),
        (rule(RuleProtocol.ALL, "::/0"), "outport == @g && ip6"),
        (rule(RuleProtocol.TCP, "10.0.0.0/8"), "outport == @g && ip4 && ip4.src == 10.0.0.0/8 && tcp"),
        (
            rule(RuleProtocol.TCP, "10.1.2.3", (22, 22)),
            "outport == @g && ip4 && ip4.src == 10.1.2.3/32 && tcp && tcp.dst == 22",
        ),
        (
            rule(RuleProtocol.UDP, "fd00::/8", (53, 60), Direction.OUT),
            "inport == @g && ip6 && ip6.dst == fd00::/8 && udp && udp.dst >= 53 && udp.dst <= 60",
        ),
        (rule(RuleProtocol.ICMPV4, "0.0.0.0/0"), "outport == @g && ip4 && icmp4"),
        (rule(RuleProtocol.ICMPV6, "::/0"), "outport == @g && ip6 && icmp6"),
        (rule(RuleProtocol.GRE, "0.0.0.0/0"), "outport == @g && ip4 && ip.proto == 47"),
        (rule(RuleProtocol.TCP, "10.1.2.3/8"), "outport == @g && ip4 && ip4.src == 10.0.0.0/8 && tcp"),
    ],
)
def test_each_kind_of_rule(given: RuleSpec, expected: str) -> None:
    assert match("g", given) == expected


@pytest.mark.requirement("SE-5")
@pytest.mark.parametrize(
    "given",
    [
        rule(RuleProtocol.TCP, "10.0.0.0/8 || 1"),
        rule(RuleProtocol.ICMPV4, "::/0"),
        rule(RuleProtocol.ICMPV6, "0.0.0.0/0"),
        rule(RuleProtocol.TCP, "0.0.0.0/0", (90, 80)),
        rule(RuleProtocol.TCP, "0.0.0.0/0", (0, 80)),
        rule(RuleProtocol.UDP, "0.0.0.0/0", (1, 65536)),
    ],
)
def test_nonsense_is_refused_for_good(given: RuleSpec) -> None:
    with pytest.raises(DriverError) as caught:
        match("g", given)
    assert caught.value.permanent
    assert caught.value.code == "fabric.invalid"


@pytest.mark.requirement("SG-3")
def test_the_higher_priority_wins_and_between_equals_drop_then_reject() -> None:
    rules = tuple(
        rule(RuleProtocol.ALL, "0.0.0.0/0", action=action, priority=priority)
        for priority in (RulePriority.LOW, RulePriority.MEDIUM, RulePriority.HIGH)
        for action in (RuleAction.ACCEPT, RuleAction.REJECT, RuleAction.DROP)
    )
    order = [(acl["priority"], acl["action"]) for acl in acls("g", rules)]
    assert order == sorted(order)
    assert [action for _, action in order] == ["drop", "drop", *["allow-related", "reject", "drop"] * 3]
    assert len({priority for priority, _ in order}) == 10


def test_a_group_without_rules_denies_both_directions() -> None:
    assert [(acl["direction"], acl["match"], acl["action"]) for acl in acls("g", ())] == [
        ("to-lport", "outport == @g && ip", "drop"),
        ("from-lport", "inport == @g && ip", "drop"),
    ]
