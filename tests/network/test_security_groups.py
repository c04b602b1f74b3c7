from __future__ import annotations

import pytest

from apps.accounts.models import Project, User
from apps.drivers.specs import (
    Direction,
    RuleAction,
    RulePriority,
    RuleProtocol,
    RuleSpec,
    SecurityGroupSpec,
)
from apps.infrastructure import backends
from apps.infrastructure.models import Region
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Busy, Forbidden, InUse, Invalid, NotFound, Refused
from apps.lifecycle.models import Operation, Resource
from apps.network.models import SecurityGroup, Subnet
from apps.network.services.addresses import allocate_nic, free_nics
from apps.network.services.security_group import create_security_group, delete_security_group, set_rules
from apps.network.specs import security_group_spec
from tests import factories
from tests.network.factories import make_group, make_machine, settle

pytestmark = pytest.mark.django_db

SSH = {"direction": "in", "protocol": "ssh", "address": "192.0.2.0/24"}
WEB = {"direction": "in", "protocol": "tcp", "port": "8000-8080", "address": "::/0", "priority": "high"}
NO_MAIL = {"direction": "out", "protocol": "tcp", "port": 25, "address": "0.0.0.0/0", "action": "reject"}


@pytest.fixture
def group(project_a: Project, region: Region) -> SecurityGroup:
    return make_group(project_a, region, SSH)


def generation_in_fabric(region: Region, group: SecurityGroup) -> int | None:
    return backends.fabric(region).inventory().of(SecurityGroupSpec).get(str(group.pk))


@pytest.mark.requirement("SG-1")
def test_a_group_is_made_with_its_rules(owner: Actor, region: Region) -> None:
    operation = create_security_group(owner, name="web", rules=[SSH, WEB, NO_MAIL])
    settle(operation)
    group = SecurityGroup.objects.get(pk=operation.target_id)
    assert generation_in_fabric(region, group) == 1
    accept, reject, medium = RuleAction.ACCEPT, RuleAction.REJECT, RulePriority.MEDIUM
    assert security_group_spec(group).rules == (
        RuleSpec(Direction.IN, RuleProtocol.TCP, accept, medium, "192.0.2.0/24", 22, 22),
        RuleSpec(Direction.IN, RuleProtocol.TCP, accept, RulePriority.HIGH, "::/0", 8000, 8080),
        RuleSpec(Direction.OUT, RuleProtocol.TCP, reject, medium, "0.0.0.0/0", 25, 25),
    )


def test_protocols_as_a_whole_are_told_to_the_fabric_without_ports(
    project_a: Project, region: Region
) -> None:
    protocols = ("all", "all_tcp", "all_udp", "icmpv4", "gre")
    rules = [{"direction": "in", "protocol": p, "address": "0.0.0.0/0"} for p in protocols]
    specs = security_group_spec(make_group(project_a, region, *rules)).rules
    assert [(s.protocol, s.port_min) for s in specs] == [
        ("all", None),
        ("tcp", None),
        ("udp", None),
        ("icmpv4", None),
        ("gre", None),
    ]


@pytest.mark.requirement("SG-3")
def test_a_group_without_rules_is_told_to_the_fabric_as_empty(project_a: Project, region: Region) -> None:
    assert security_group_spec(make_group(project_a, region)).rules == ()


@pytest.mark.requirement("SG-1")
def test_changed_rules_replace_the_old_ones_in_the_fabric(
    owner: Actor, region: Region, group: SecurityGroup
) -> None:
    settle(set_rules(owner, group, rules=[WEB]))
    group.refresh_from_db()
    assert [rule.port_min for rule in group.rules.all()] == [8000]
    assert generation_in_fabric(region, group) == group.generation == group.observed_generation == 2


def test_bad_rules_leave_the_old_ones_as_they_were(owner: Actor, group: SecurityGroup) -> None:
    with pytest.raises(Invalid):
        set_rules(owner, group, rules=[WEB, {**SSH, "address": "x"}])
    assert [rule.port_min for rule in group.rules.all()] == [22]
    assert Operation.objects.open().count() == 0


def test_rules_someone_else_changed_meanwhile_are_not_overwritten(owner: Actor, group: SecurityGroup) -> None:
    settle(set_rules(owner, group, rules=[WEB], generation=1))
    with pytest.raises(Refused) as refusal:
        set_rules(owner, group, rules=[SSH], generation=1)
    assert refusal.value.code == "security_group.changed"


def test_rules_are_not_changed_while_a_change_is_on_its_way(owner: Actor, group: SecurityGroup) -> None:
    set_rules(owner, group, rules=[WEB])
    with pytest.raises(Busy):
        set_rules(owner, group, rules=[SSH])


@pytest.mark.requirement("SG-1")
def test_a_bound_group_is_not_deleted_and_what_it_is_bound_to_is_named(
    owner: Actor, region: Region, project_a: Project, subnet: Subnet, group: SecurityGroup
) -> None:
    machine = make_machine(project_a, region, "web-1")
    allocate_nic(subnet, machine, security_group=group)
    with pytest.raises(InUse, match="web-1"):
        delete_security_group(owner, group)
    free_nics(machine)
    settle(delete_security_group(owner, group))
    assert not Resource.objects.filter(pk=group.pk).exists()
    assert generation_in_fabric(region, group) is None


@pytest.mark.requirement("AC-1")
def test_strangers_know_of_no_group_and_viewers_change_none(
    stranger: Actor, vera: User, group: SecurityGroup
) -> None:
    with pytest.raises(NotFound):
        set_rules(stranger, group, rules=[])
    with pytest.raises(NotFound):
        delete_security_group(stranger, group)
    with pytest.raises(Forbidden):
        set_rules(factories.actor_for_user(vera), group, rules=[])
