"""What the agent runs when a NIC has been plugged in: the programs that libvirt's hooks run when a VM starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.drivers.libvirt import nic_guard
from tests.drivers.contracts.fabric import refused

pytestmark = pytest.mark.requirement("SE-10")

XML = "<domain><devices><interface><target dev='vnet7'/></interface></devices></domain>"


class Domain:
    def name(self) -> str:
        return "vm-1"

    def XMLDesc(self, flags: int) -> str:
        return XML


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Programs that note how they were called."""
    for name, constant in (("guard-taps", "GUARD"), ("limit-nics", "LIMIT")):
        path = tmp_path / name
        path.write_text(f'#!/bin/sh\n{{ echo "$@"; cat; }} >{path}.called\n')
        path.chmod(0o755)
        monkeypatch.setattr(nic_guard, constant, str(path))
    return tmp_path


def test_the_host_is_guarded_and_the_nics_are_limited(programs: Path) -> None:
    nic_guard.guard("vm-1", Domain())
    assert (programs / "guard-taps.called").read_text() == "\n"
    assert (programs / "limit-nics.called").read_text() == f"vm-1 started\n{XML}"


@pytest.mark.parametrize("how", ["exit 3", "missing"])
def test_a_guard_that_fails_says_why(programs: Path, how: str) -> None:
    guard = programs / "guard-taps"
    if how == "missing":
        guard.unlink()
    else:
        guard.write_text("#!/bin/sh\necho 'no table' >&2\nexit 3\n")
    with refused("hypervisor.nic_not_guarded"):
        nic_guard.guard("vm-1", Domain())
    assert not (programs / "limit-nics.called").exists()


@pytest.mark.parametrize("how", ["exit 3", "missing"])
def test_a_limit_that_cannot_be_set_is_no_reason_to_refuse(programs: Path, how: str) -> None:
    limit = programs / "limit-nics"
    if how == "missing":
        limit.unlink()
    else:
        limit.write_text("#!/bin/sh\nexit 3\n")
    nic_guard.guard("vm-1", Domain())
