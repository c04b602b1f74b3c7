"""Where real operations are broken: every driver call of five verbs, before and after, and some places inside."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.sampling import changes, is_whole

#: Broken at the same time, on two hosts. More of them at once would measure the machine.
AT_ONCE = 14


@dataclass(frozen=True)
class Point:
    """Where an operation of `verb` is broken, on which side, and how."""

    verb: str
    side: str
    call: str
    action: str = "die"

    def __str__(self) -> str:
        return f"{self.verb}, {self.side} at {self.call}: {self.action}"


CALLS = {
    "vm.create": (
        "volumes.ensure_volume",
        "fabric.ensure_port",
        "hypervisor.ensure_vm",
        "hypervisor.ensure_power",
    ),
    "vm.delete": ("hypervisor.ensure_vm_absent", "fabric.ensure_absent", "volumes.ensure_volume_absent"),
    "vm.start": ("fabric.ensure_port", "hypervisor.ensure_vm", "hypervisor.ensure_power"),
    "vm.power_off": ("hypervisor.ensure_power",),
    "security_group.set_rules": ("fabric.ensure_security_group",),
    "image.import": ("volumes.ensure_image",),
}

#: libvirtd is killed while it waits for a QEMU it has just started: a new one passes it for running, then ends it.
ALWAYS = (Point("vm.create", "agent", "domain.start:during", "kill libvirtd"),)
INSIDE = (
    *ALWAYS,
    Point("vm.start", "agent", "domain.start:during", "kill libvirtd"),
    Point("vm.create", "agent", "qemu_img.create:after"),
    Point("vm.create", "agent", "link:after"),
    Point("vm.create", "agent", "hypervisor.ensure_power:before", "kill libvirtd"),
    Point("vm.create", "agent", "hypervisor.ensure_power:after", "kill libvirtd"),
    Point("vm.create", "agent", "hypervisor.ensure_power:before", "lose seed"),
    Point("vm.start", "agent", "hypervisor.ensure_power:before", "kill libvirtd"),
    Point("vm.start", "agent", "hypervisor.ensure_power:before", "lose seed"),
    Point("vm.power_off", "agent", "hypervisor.ensure_power:before", "kill libvirtd"),
    Point("vm.delete", "agent", "hypervisor.ensure_vm_absent:before", "kill libvirtd"),
    Point("image.import", "agent", "qemu_img.convert:during", "kill qemu-img"),
    Point("image.import", "agent", "link:after"),
)


def every_point(rotation: int) -> list[Point]:
    """Return all of them, in an order that mixes verbs and is the same for the same rotation."""
    points = [*INSIDE]
    for verb, calls in CALLS.items():
        for call in calls:
            for moment in ("before", "after"):
                points.append(Point(verb, "worker", f"{call}:{moment}"))
                if not call.startswith("fabric"):  # these a worker makes itself
                    points.append(Point(verb, "agent", f"{call}:{moment}"))
            if not call.startswith("fabric"):
                points += [
                    Point(verb, "agent", f"{call}:after", how) for how in ("lose answer", "answer late")
                ]
    random.Random(rotation).shuffle(points)  # noqa: S311 - the same order each time is the point
    return points


def batches() -> list[list[Point]]:
    """Return what is tried: of every verb, side and action one point that changes with the commit, or all points."""
    points = every_point(changes().rotation)
    if is_whole():
        return [points[first : first + AT_ONCE] for first in range(0, len(points), AT_ONCE)]
    return [_sample(points)]


def _sample(points: list[Point]) -> list[Point]:
    """Take the first of each verb, side and action, then of each verb, so that all kinds are in it."""
    keys: list[Callable[[Point], tuple[str, str]]] = [
        lambda point: (point.side, point.action),
        lambda point: (point.verb, point.side),
    ]
    chosen: dict[Point, None] = dict.fromkeys(ALWAYS)
    for key in keys:
        seen = {key(point) for point in chosen}
        for point in points:
            if key(point) not in seen:
                seen.add(key(point))
                chosen[point] = None
    return list(chosen)[:AT_ONCE]
