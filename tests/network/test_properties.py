"""What must hold for all inputs, not only for those somebody thought of."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_network

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from apps.accounts.models import Project
from apps.infrastructure.models import Region
from apps.lifecycle.errors import Invalid, Refused
from apps.network.models import Nic, Vpc
from apps.network.ranges import DEFAULT_RANGES, NEVER, parse_cidr, subnet_block
from apps.network.rule_ports import port_text
from apps.network.rules import parse_rules
from apps.network.services.addresses import allocate_nic, free_nics, usable_addresses
from tests.network.factories import make_machine, make_subnet

texts = some.text(max_size=20) | some.from_regex(r"[0-9./:a-f]{1,20}", fullmatch=True)
blocks = some.builds(
    lambda number, prefix: IPv4Network((number, prefix), strict=False),
    some.integers(0, 2**32 - 1),
    some.integers(0, 32),
)


@pytest.mark.requirement("VP-1")
@given(texts)
def test_any_text_is_a_block_or_a_refusal(text: str) -> None:
    try:
        assert parse_cidr(text) == ip_network(text.strip())
    except Invalid as refusal:
        assert list(refusal.fields) == ["cidr"]


@pytest.mark.requirement("VP-1")
@given(blocks)
def test_no_default_range_allows_what_cannot_be_routed(block: IPv4Network) -> None:
    if any(allowed.allows(block) for allowed in DEFAULT_RANGES):
        assert block.is_private and 16 <= block.prefixlen <= 29
        assert not any(block.overlaps(never) for never in NEVER)


@pytest.mark.requirement("VP-2")
@given(blocks, some.sampled_from(["10.0.0.0/16", "192.168.8.0/21", "172.16.0.0/29"]).map(IPv4Network))
def test_every_subnet_taken_has_room_for_machines_beside_its_gateway(
    block: IPv4Network, vpc: IPv4Network
) -> None:
    try:
        taken = subnet_block(str(block), vpc)
    except Invalid:
        assert not block.subnet_of(vpc) or block.prefixlen > 29
        return
    first, last = usable_addresses(taken)
    assert taken.network_address < first - 1 < first <= last < taken.broadcast_address
    assert int(last) - int(first) + 1 == taken.num_addresses - 3


@pytest.mark.requirement("SG-2")
@given(
    some.lists(
        some.fixed_dictionaries(
            {
                "direction": some.sampled_from(["in", "out", "IN", "both", ""]),
                "protocol": some.sampled_from(
                    ["tcp", "udp", "all", "gre", "icmpv4", "icmpv6", "ssh", "pptp", "x"]
                ),
                "port": texts | some.integers(-1, 70000) | some.none(),
                "address": texts | some.sampled_from(["0.0.0.0/0", "::/0", "10.0.0.1"]),
            }
        ),
        max_size=5,
    )
)
def test_any_rows_are_rules_that_can_be_sent_again_or_refusals(
    entries: list[dict[str, object]],
) -> None:
    try:
        rules = parse_rules(entries)
    except Invalid as refusal:
        for field in refusal.fields:
            _rules, row, name = field.split(".")
            assert int(row) < len(entries) and name in {"direction", "protocol", "port", "address"}
        return
    again = [
        {**vars(rule), "port": port_text(rule.port_min, rule.port_max), "address": rule.cidr}
        for rule in rules
    ]
    assert parse_rules(again) == rules


@pytest.mark.requirement("VP-2")
@pytest.mark.django_db
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some.lists(some.none() | some.integers(0, 5), min_size=5, max_size=25))
def test_whatever_comes_and_goes_an_address_is_given_out_once_and_refused_only_when_none_is_left(
    vpc: Vpc, project_a: Project, region: Region, steps: list[int | None]
) -> None:
    """None: a machine comes; n: the n-th machine goes."""
    with transaction.atomic():
        subnet = make_subnet(vpc, "10.0.1.0/29")
        held: list[Nic] = []
        for step in steps:
            if step is not None and step < len(held):
                free_nics(held.pop(step).owner)
            elif step is None:
                try:
                    held.append(allocate_nic(subnet, make_machine(project_a, region)))
                except Refused:
                    assert len(held) == 5
            assert len({nic.ip for nic in held}) == len(held) <= 5
        transaction.set_rollback(True)
