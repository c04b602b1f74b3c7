"""An agent's version follows from the host protocols."""

import subprocess
import sys
from dataclasses import make_dataclass
from enum import StrEnum
from typing import Any, Protocol

import pytest

from apps.agent.version import VERSION
from apps.drivers.host_verbs import host_verb
from apps.drivers.interface_version import DIGITS, interface_version


def protocol(
    *, fields: tuple[Any, ...] = (), values: tuple[str, ...] = ("on",), changes: bool = True, up: bool = True
) -> type:
    """Return a made-up protocol, the same for the same arguments."""
    power = StrEnum("Power", list(values))  # type: ignore[misc]  # its values are known at run time only
    spec = make_dataclass("Spec", [("id", str), *fields])
    status = make_dataclass("Status", [("power", power)])

    def ensure(self: object, spec: Any, up: bool = up) -> Any:
        """Make it."""

    ensure.__annotations__.update({"spec": spec, "return": status})
    return type("Tunnel", (Protocol,), {"ensure": host_verb(changes=changes)(ensure)})


@pytest.mark.parametrize(
    "other",
    [
        {"fields": (("note", str),)},
        {"values": ("on", "off")},
        {"changes": False},
        {"up": False},
    ],
    ids=["a field of a spec", "a value of an answer", "an option", "a default"],
)
def test_what_travels_makes_the_version(other: dict[str, Any]) -> None:
    assert interface_version(protocol()) == interface_version(protocol())
    assert interface_version(protocol(**other)) != interface_version(protocol())


def test_every_process_has_the_same_version() -> None:
    other = subprocess.run(
        [sys.executable, "-c", "from apps.agent.version import VERSION; print(VERSION)"],
        env={"PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == VERSION and len(VERSION) == DIGITS
