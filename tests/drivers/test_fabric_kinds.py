"""A fabric kind is declared once; every driver reads it from there."""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass
from typing import Any

import pytest

from apps.drivers import fabric
from apps.drivers.fabric import declared as registry
from apps.drivers.fabric.declared import FabricKind, InMemory, InOvn
from apps.drivers.memory import MemoryFabric, World
from apps.drivers.memory.records import Table
from apps.drivers.specs import PortSpec, SecurityGroupSpec, SubnetSpec, VpcSpec
from tests.drivers.samples import a_vpc


@dataclass(frozen=True, slots=True)
class MadeUpSpec:
    id: str
    generation: int = 1


def ensure(replica: Any, transaction: Any, spec: MadeUpSpec) -> None:
    """Made up."""


def remove(replica: Any, id: str) -> None:
    """Made up."""


MADE_UP = FabricKind(
    "made_up",
    MadeUpSpec,
    InMemory(Table("made_ups", MadeUpSpec)),
    InOvn("DNS", ensure, remove, {"DNS": ("records",), "Logical_Switch": ("dns_records",)}),
)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_kinds", dict(registry.kinds()))
    registry.declare(MADE_UP)


def test_every_module_of_the_package_declares_its_kind() -> None:
    assert {VpcSpec, SubnetSpec, PortSpec, SecurityGroupSpec} <= registry.kinds().keys()
    modules = {module.name for module in pkgutil.iter_modules(fabric.__path__)} - {"declared"}
    assert modules <= {kind.name for kind in registry.kinds().values()}
    assert all(kind.spec is spec for spec, kind in registry.kinds().items())


@pytest.mark.usefixtures("made_up")
def test_the_pretend_fabric_keeps_removes_and_lists_a_kind_that_says_only_its_table() -> None:
    fabric = MemoryFabric(World())
    fabric.ensure(MadeUpSpec("1", generation=7))
    fabric.ensure(a_vpc())
    assert fabric.inventory().of(MadeUpSpec) == {"1": 7}
    fabric.ensure_absent(MadeUpSpec, "1")
    assert fabric.inventory().of(MadeUpSpec) == {}
    assert len(fabric.inventory().of(VpcSpec)) == 1


@pytest.mark.usefixtures("made_up")
def test_the_northbound_replica_holds_the_columns_of_every_kind() -> None:
    columns = registry.ovn_columns()
    assert columns["DNS"] == ["records", "external_ids"]
    assert {"name", "ports", "acls", "external_ids", "dns_records"} <= set(columns["Logical_Switch"])
    assert {kind.ovn.table for kind in registry.kinds().values()} <= columns.keys()


@pytest.mark.usefixtures("made_up")
def test_a_kind_is_declared_once() -> None:
    with pytest.raises(ValueError, match="declared twice"):
        registry.declare(MADE_UP)
