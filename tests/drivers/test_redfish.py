"""Switching a machine off by its management controller: off is what is read twice, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from apps.drivers import redfish
from apps.drivers.errors import DriverError
from apps.drivers.redfish import ControllerAccess, RedfishController
from tests.drivers.contracts.fabric import refused
from tests.onebox.management_controller import (
    PASSWORD,
    SYSTEM,
    USER,
    ManagementController,
    certificate,
    management_controller,
)

pytestmark = pytest.mark.requirement("CL-7")


@dataclass
class Machine:
    on: bool = True

    def cut(self) -> None:
        self.on = False


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def controller(machine: Machine) -> Iterator[ManagementController]:
    with management_controller(machine.cut, lambda: machine.on) as made:
        yield made


def access(controller: ManagementController) -> ControllerAccess:
    return ControllerAccess(controller.url, USER, PASSWORD, controller.authority)


def driver(controller: ManagementController) -> RedfishController:
    return RedfishController(access(controller))


def test_a_machine_is_off_afterwards(controller: ManagementController, machine: Machine) -> None:
    assert driver(controller).power_state() == "On"
    driver(controller).ensure_off()
    assert not machine.on
    assert controller.resets == ["ForceOff"]


def test_a_machine_that_is_off_is_not_touched(controller: ManagementController, machine: Machine) -> None:
    machine.on = False
    driver(controller).ensure_off()
    assert controller.resets == []


def test_one_that_goes_off_later_is_waited_for(controller: ManagementController, machine: Machine) -> None:
    controller.faults.delay = 1.5
    driver(controller).ensure_off()
    assert not machine.on


def test_one_that_says_yes_and_stays_on_is_not_certain(
    controller: ManagementController, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redfish, "OFF_WITHIN_SECONDS", 1.0)
    controller.faults.lies = True
    with refused("controller.still_on"):
        driver(controller).ensure_off()


@pytest.mark.parametrize("says", ["PoweringOff", "off", "Unknown"])
def test_no_other_word_is_off(
    controller: ManagementController, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    monkeypatch.setattr(redfish, "OFF_WITHIN_SECONDS", 1.0)
    controller.faults.says = says
    with refused("controller.still_on"):
        driver(controller).ensure_off()


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        ({"status": 503}, "controller.failed"),
        ({"status": 403}, "controller.refused"),
        ({"junk": True}, "controller.strange"),
        ({"says": "On or so!"}, "controller.strange"),
        ({"systems": 2}, "controller.ambiguous"),
        ({"systems": 0}, "controller.ambiguous"),
    ],
)
def test_what_cannot_be_understood_is_not_certain(
    controller: ManagementController, machine: Machine, faults: dict[str, object], code: str
) -> None:
    for name, value in faults.items():
        setattr(controller.faults, name, value)
    with refused(code):
        driver(controller).ensure_off()
    assert machine.on


def test_one_of_several_systems_can_be_named(controller: ManagementController, machine: Machine) -> None:
    controller.faults.systems = 4
    RedfishController(replace(access(controller), url=controller.url + SYSTEM)).ensure_off()
    assert not machine.on


def test_a_wrong_password_is_refused_for_good(controller: ManagementController) -> None:
    with pytest.raises(DriverError) as refusal:
        RedfishController(replace(access(controller), password="other")).ensure_off()
    assert (refusal.value.code, refusal.value.permanent) == ("controller.refused", True)


def test_the_password_goes_to_nobody_with_another_certificate(controller: ManagementController) -> None:
    for authority in (certificate()[0], ""):
        with refused("controller.untrusted"):
            RedfishController(replace(access(controller), authority=authority)).power_state()


def test_one_that_hangs_is_given_up_in_time(
    controller: ManagementController, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redfish, "ANSWER_SECONDS", 0.5)
    controller.faults.hangs = True
    started = time.monotonic()
    with refused("controller.unreachable"):
        driver(controller).power_state()
    assert time.monotonic() - started < 5


def test_nobody_at_the_address_is_unreachable() -> None:
    with refused("controller.unreachable"):
        RedfishController(ControllerAccess("https://127.0.0.1:9", USER, PASSWORD)).power_state()
