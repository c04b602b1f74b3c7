"""Setting and replacing 200 rules of a security group, beside the raw tool: one ovn-nbctl that adds as many."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import pytest

from apps.drivers.specs import (
    Direction,
    RuleAction,
    RulePriority,
    RuleProtocol,
    RuleSpec,
    SecurityGroupSpec,
)
from tests.bench.report import Figure, report
from tests.drivers.ovn_tidy import tidy_fabric
from tests.drivers.samples import new_id
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

ROUNDS, RULES = 7, 200


def rule(number: int, priority: RulePriority) -> RuleSpec:
    source, first = f"192.168.{number}.0/24", 1000 + number
    return RuleSpec(Direction.IN, RuleProtocol.TCP, RuleAction.ACCEPT, priority, source, first, first + 10)


def test_200_rules_beside_the_raw_tool(onebox: Onebox) -> None:
    raw, set_, replaced = [], [], []
    with tidy_fabric(onebox.ovn_northbound) as fabric:
        fabric.inventory()  # connected, as a worker's is
        for _ in range(ROUNDS):
            name = f"raw_{new_id().replace('-', '')}"
            raw.append(seconds(lambda made=name: add_raw_group(onebox, made)))  # type: ignore[misc]
            onebox.northbound("pg-del", name)
            medium, high = (
                tuple(rule(number, priority) for number in range(RULES))
                for priority in (RulePriority.MEDIUM, RulePriority.HIGH)
            )
            group = SecurityGroupSpec(new_id(), medium)
            set_.append(seconds(lambda made=group: fabric.ensure(made)))  # type: ignore[misc]
            other = replace(group, rules=high)
            replaced.append(seconds(lambda made=other: fabric.ensure(made)))  # type: ignore[misc]
            fabric.ensure_absent(SecurityGroupSpec, group.id)
    report(
        "security-group-rules",
        [
            Figure("200 rules by ovn-nbctl", 1000 * median(raw), "ms"),
            Figure("200 rules set", 1000 * median(set_), "ms", 1000),
            Figure("200 rules replaced", 1000 * median(replaced), "ms", 1000),
            Figure("set over raw", median(set_) / median(raw), ""),
            Figure("replaced over raw", median(replaced) / median(raw), ""),
        ],
    )


def add_raw_group(onebox: Onebox, group: str) -> None:
    """Make a port group with as many ACLs, in one transaction."""
    added = [
        part
        for number in range(RULES)
        for part in (
            "--",
            "acl-add",
            group,
            "to-lport",
            "2000",
            f"ip4.src == 192.168.{number}.0/24 && tcp.dst >= {1000 + number} && tcp.dst <= {1010 + number}",
            "allow-related",
        )
    ]
    onebox.northbound("pg-add", group, *added)


def seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
