"""Every field of what a host sends has a bound, and a row here that says what it is compared with.

A new field without a row fails, and so does a row whose test is gone.
"""

from __future__ import annotations

import dataclasses
import enum
import types
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from apps.drivers.host_verbs import verbs_of
from apps.drivers.orders import Answer
from apps.drivers.protocols import Hypervisor, Volumes
from apps.drivers.reports import Heartbeat, HostReport
from apps.drivers.specs.heartbeat import PeerReport
from apps.drivers.specs.storage import HealthCheck, PoolHealth
from apps.drivers.usage import UsageReading

pytestmark = pytest.mark.requirement("SE-6")

ROOT = Path(__file__).parents[2]
VERBS = [*verbs_of(Hypervisor).values(), *verbs_of(Volumes).values()]
#: All that is opened with a host's key.
MESSAGES = [HostReport, Heartbeat, PeerReport, UsageReading, Answer, *(verb.result for verb in VERBS)]

CLAIMS, FILES = "tests/infrastructure/test_claims.py", "tests/drivers/test_host_claims.py"
BOUND = f"{FILES}::test_every_field_is_bounded"
TIME = f"{CLAIMS}::test_a_report_from_a_time_that_no_clock_shows_stops_nothing"
FAILURE = f"{CLAIMS}::test_whatever_a_host_says_of_a_failure_can_be_kept_and_shown"
PLACED = "tests/compute/test_usage.py::test_a_host_can_say_nothing_of_another_hosts_vms"
RATE = "tests/metrics/test_rates.py::test_a_counter_that_grew_more_than_anything_can_is_a_gap_and_no_cpu_is_over_whole"
IMAGE = "tests/compute/test_images.py::test_an_image_that_cannot_be_so_is_not_offered"
SHOT = "tests/console/test_screenshots.py::test_a_picture_of_another_size_than_it_says_is_refused"
SCREEN = "tests/console/test_opening.py::test_a_screen_is_where_the_host_is_or_nowhere"
ENROLLED = f"{CLAIMS}::test_capacity_beyond_what_was_enrolled_is_not_given_out"
POOL = "tests/storage/test_disks.py::test_a_pool_with_more_in_use_than_it_has_is_not_believed"
ORPHANS = "tests/reconciliation/test_rules.py"
ATTACHMENTS = "tests/reconciliation/test_attachments.py::test_a_host_can_say_nothing_of_another_hosts_vms"
PEER = (
    "tests/infrastructure/test_host_watch.py::test_a_liar_has_no_host_fenced_that_is_heard_or_read_by_others"
)
NICS = "tests/reconciliation/test_plugged_nics.py::test_a_host_can_say_nothing_of_another_hosts_vms"

#: Field → (what it is compared with, the test).
COMPARED: dict[str, tuple[str, str]] = {
    "HostReport.observation": ("see its fields", BOUND),
    "HostReport.agent_version": ("shown only", BOUND),
    "HostReport.boot_id": ("the one before; a new one starts VMs that should run there, nothing else", BOUND),
    "HostReport.sequence": ("used by nobody", BOUND),
    "HostReport.sent_at": ("years of a clock; of VMs' states never later than now", TIME),
    "Heartbeat.sent_at": ("years of a clock", TIME),
    "Heartbeat.report_at": ("the report that it names", TIME),
    "Heartbeat.load_percent": ("0 to 100", BOUND),
    "Heartbeat.memory_used_mib": (
        "the host's memory",
        f"{CLAIMS}::test_memory_in_use_is_at_most_what_there_is",
    ),
    "HostObservation.architecture": (
        "its cluster's",
        "tests/infrastructure/test_reports.py::test_a_host_of_another_architecture_is_refused_with_the_reason",
    ),
    "HostObservation.cpu_model": ("shown only", BOUND),
    "HostObservation.vcpus": ("what it was enrolled with", ENROLLED),
    "HostObservation.memory_mib": ("what it was enrolled with", ENROLLED),
    "HostObservation.virtualisation": ("shown only", BOUND),
    "HostObservation.hypervisor_version": ("shown only", BOUND),
    "HostObservation.load_percent": ("0 to 100", BOUND),
    "HostObservation.memory_used_mib": (
        "the host's memory",
        f"{CLAIMS}::test_memory_in_use_is_at_most_what_there_is",
    ),
    "HostObservation.vms": ("rows of VMs on this host", f"{CLAIMS}::test_another_hosts_vms_stay_as_they_are"),
    "HostObservation.usage": ("not taken from a report", PLACED),
    "HostObservation.host_usage": ("not taken from a report", BOUND),
    "VmStatus.id": (
        "the VM that was asked for",
        "tests/agent/test_stolen_host.py::test_an_answer_about_another_vm_is_refused",
    ),
    "VmStatus.exists": ("only itself: it is the host's to say", BOUND),
    "VmStatus.power": ("only itself: it is the host's to say", BOUND),
    "VmStatus.boot": ("the boot number of the row, for equality", BOUND),
    "VmStatus.generation": ("the generation of the row; a difference is a finding", BOUND),
    "VmStatus.paused": ("only itself: it is the host's to say", BOUND),
    "VmStatus.resumable": ("only itself: it is the host's to say", BOUND),
    "VmStatus.guest_agent": ("only itself: it is the host's to say", BOUND),
    "VmStatus.disks": ("rows of disks of VMs on this host; a difference is a finding", ATTACHMENTS),
    **dict.fromkeys(
        ("VmSize.vcpu", "VmSize.memory_mib", "VmSize.most_vcpu", "VmSize.most_memory_mib"),
        ("the size of the row before, of a VM on this host", BOUND),
    ),
    **dict.fromkeys(
        ("Arrival.seed", "Arrival.screen_host"),
        ("nothing: written into the definition on the host that says it, by libvirt, as text", BOUND),
    ),
    "ReportedDisk.id": ("rows of disks of VMs on this host", ATTACHMENTS),
    "ReportedDisk.size_bytes": ("the size of the row; a difference is a finding", BOUND),
    "ReportedDisk.iops": ("the limit of the row; a difference is a finding", BOUND),
    "ReportedDisk.bytes_per_second": ("the limit of the row; a difference is a finding", BOUND),
    "VmStatus.nics": ("rows of NICs of VMs on this host; a difference is a finding", NICS),
    "VmStatus.guest_network": ("the generation that was ordered, for equality; shown only", BOUND),
    "VmStatus.guest_network_reason": ("shown only", BOUND),
    "PeerReport.sent_at": ("used by nobody: Redis says when it came", BOUND),
    "PeerReport.own_age": ("used by nobody", BOUND),
    "PeerReport.peers": ("silent hosts of its own cluster", PEER),
    "PeerBeat.host": ("silent hosts of its own cluster", PEER),
    "PeerBeat.age": (
        "what the others say: the youngest counts; of a host that is heard it says nothing",
        PEER,
    ),
    "UsageReading.at": ("our clock", f"{CLAIMS}::test_counters_from_another_time_are_no_samples"),
    "UsageReading.boot_id": ("the one before; another one makes a gap", BOUND),
    "UsageReading.host": ("see its fields", BOUND),
    "UsageReading.vms": ("rows of VMs on this host", PLACED),
    "VmUsage.id": ("rows of VMs on this host", PLACED),
    "VmUsage.boot": ("the reading before; another one makes a gap", BOUND),
    "VmUsage.cpu_ns": ("100 % of its vCPUs", RATE),
    "VmUsage.vcpus": ("100 % of its vCPUs", RATE),
    "VmUsage.memory_bytes": ("shown only", BOUND),
    "VmUsage.memory_total_bytes": ("shown only", BOUND),
    **{
        f"{kind}.{name}": ("what nothing exceeds in a second", RATE)
        for kind in ("VmUsage", "HostUsage")
        for name in (
            "disk_read_bytes",
            "disk_write_bytes",
            "disk_read_ops",
            "disk_write_ops",
            "net_rx_bytes",
            "net_tx_bytes",
        )
    },
    "VmUsage.disks": ("see its fields", BOUND),
    "DiskUsage.id": ("rows of disks of this VM", PLACED),
    **{
        f"DiskUsage.{name}": ("what nothing exceeds in a second", RATE)
        for name in ("read_bytes", "write_bytes", "read_ops", "write_ops", "read_ns", "write_ns")
    },
    "VmDisks.running": ("see its fields", BOUND),
    "VmDisks.stored": ("the disks of the VM that was asked for", BOUND),
    "AttachedDisk.id": ("the disks of the VM that was asked for", BOUND),
    "AttachedDisk.size_bytes": ("the size of the row", BOUND),
    "VmNics.running": ("the NICs of the VM that was asked for", BOUND),
    "VmNics.stored": ("the NICs of the VM that was asked for", BOUND),
    "GuestNetworkState.applied": ("only itself: it is the host's to say", BOUND),
    "GuestNetworkState.reason": ("only itself: it is the host's to say", BOUND),
    "GuestNetworkState.detail": ("shown only", BOUND),
    "GuestMounts.asked": ("only itself: it is the host's to say", BOUND),
    "GuestMounts.mounts": ("the disks of the VM that was asked for; shown only", BOUND),
    "Held.frozen": ("only itself: it is the host's to say", BOUND),
    "Held.paused": ("only itself: it is the host's to say", BOUND),
    "CopyProgress.done": ("only itself: it is the host's to say", BOUND),
    "CopyProgress.done_bytes": ("shown only", BOUND),
    "CopyProgress.total_bytes": ("shown only", BOUND),
    "HostUsage.cpu_busy_ms": ("100 % of its threads", RATE),
    "HostUsage.cpu_total_ms": ("100 % of its threads", RATE),
    "HostUsage.load": ("shown only", BOUND),
    "HostUsage.memory_bytes": ("shown only", BOUND),
    "HostUsage.memory_total_bytes": ("shown only", BOUND),
    "HostUsage.disk_used_bytes": ("shown only", BOUND),
    "HostUsage.disk_total_bytes": ("shown only", BOUND),
    "Screenshot.id": ("the VM that was asked for", SHOT),
    "Screenshot.width": ("the widest picture, and its pixels", SHOT),
    "Screenshot.height": ("the highest picture, and its pixels", SHOT),
    "Screenshot.pixels": ("three bytes for each point", SHOT),
    "ConsoleAddress.host": ("the host's address in the database", SCREEN),
    "ConsoleAddress.port": ("the ports of VNC servers", SCREEN),
    "ImageInfo.virtual_bytes": ("the largest image", IMAGE),
    "ImageInfo.stored_bytes": ("the size of the disk inside", IMAGE),
    "ImageInfo.source_format": ("the formats that can be imported", IMAGE),
    "PoolObservation.capacity_bytes": ("what is in use", POOL),
    "PoolObservation.used_bytes": ("the capacity", POOL),
    "PoolObservation.contents": ("used by nobody", BOUND),
    "PoolObservation.health": ("see its fields", BOUND),
    **{
        f"PoolHealth.{field.name}": ("shown only; pools that hosts observe have none", BOUND)
        for field in dataclasses.fields(PoolHealth)
    },
    **{
        f"HealthCheck.{field.name}": ("shown only; pools that hosts observe have none", BOUND)
        for field in dataclasses.fields(HealthCheck)
    },
    "PoolInventory.sizes": (
        "rows of each kind; what has no row is a finding, never removed unasked",
        ORPHANS,
    ),
    "PoolInventory.snapshot_of": ("where a snapshot without a row is removed, on request", ORPHANS),
    "PoolInventory.unfinished": ("a finding, never removed unasked", ORPHANS),
    "Unfinished.kind": ("volume or image", BOUND),
    "Unfinished.id": ("the form of an identifier", ORPHANS),
    "Unfinished.idle_seconds": ("an hour without a write", ORPHANS),
    "Answer.result": (
        "the type that the order's answer has",
        "tests/agent/test_stolen_host.py::test_a_result_of_another_kind_is_refused",
    ),
    "FoundAddress.ip": (
        "the address that was asked for",
        "tests/network/test_eips.py::test_a_host_says_nothing_of_addresses_that_were_not_asked_for",
    ),
    "FoundAddress.mac": ("shown only", BOUND),
    "Answer.failure": ("see its fields", FAILURE),
    "Failure.template": ("printable, cut, a template only with its values", FAILURE),
    "Failure.code": ("the form of a code", FAILURE),
    "Failure.permanent": ("only itself: a host may refuse", FAILURE),
    "Failure.hint": ("printable, cut", FAILURE),
    "Failure.values": (
        "printable, cut, finite; of a copy's progress: the largest image",
        "tests/compute/test_images.py::test_figures_of_a_copy_that_cannot_be_move_neither_progress_nor_deadline",
    ),
}
#: Bounded when they are used, not by their type: an agent's error must come through, cut, however long it is.
CUT_LATER = {"Failure.template", "Failure.code", "Failure.hint", "Failure.values", "Answer.result"}


def fields_of(kind: type, seen: set[type]) -> Iterator[tuple[str, Any]]:
    """Every field of a dataclass and of those inside it, with its type."""
    if not dataclasses.is_dataclass(kind) or kind in seen:
        return
    seen.add(kind)
    hints = get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        yield f"{kind.__name__}.{field.name}", hints[field.name]
        for inner in parts_of(hints[field.name]):
            yield from fields_of(inner, seen)


def parts_of(annotation: Any) -> Iterator[type]:
    """The plain types in an annotation."""
    if get_origin(annotation) is None:
        if isinstance(annotation, type):
            yield annotation
        return
    arguments = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
    for inner in arguments:
        yield from parts_of(inner)


def all_fields() -> dict[str, Any]:
    seen: set[type] = set()
    kinds = [part for kind in MESSAGES for part in parts_of(kind)]
    return {name: hint for kind in kinds for name, hint in fields_of(kind, seen)}


def is_bounded(annotation: Any) -> bool:
    """Whether nothing of this type can be larger than something."""
    if get_origin(annotation) in (Union, types.UnionType):
        return all(is_bounded(inner) for inner in get_args(annotation))
    metas = [m for m in getattr(annotation, "__metadata__", ()) if isinstance(m, msgspec.Meta)]
    bare = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    if isinstance(bare, type) and (issubclass(bare, enum.Enum) or bare in (bool, types.NoneType)):
        bounded = True
    elif dataclasses.is_dataclass(bare):
        bounded = True  # its fields are asked themselves
    elif bare in (int, float):
        bounded = any(m.ge is not None and m.le is not None for m in metas)
    elif bare is datetime:
        bounded = any(m.tz for m in metas)
    elif bare in (str, bytes) or get_origin(bare) in (tuple, dict):
        inner = [argument for argument in get_args(bare) if argument is not Ellipsis]
        bounded = any(m.max_length is not None for m in metas) and all(map(is_bounded, inner))
    else:
        bounded = False
    return bounded


def test_every_field_is_bounded() -> None:
    loose = {name for name, hint in all_fields().items() if not is_bounded(hint)}
    assert loose == CUT_LATER


def test_every_time_is_checked() -> None:
    timed = [kind for kind in MESSAGES if dataclasses.is_dataclass(kind)]
    for kind in timed:
        if datetime in {part for hint in get_type_hints(kind).values() for part in parts_of(hint)}:
            assert "check_moment" in kind.__post_init__.__code__.co_names, kind


def test_every_field_has_a_row_and_every_row_a_field() -> None:
    assert set(all_fields()) == set(COMPARED)


def test_the_check_of_bounds_sees_what_is_loose() -> None:
    for loose in (str, int, float, bytes, tuple[str, ...], dict[str, int], str | None, Annotated[int, "x"]):
        assert not is_bounded(loose), loose


def test_every_row_names_a_test_that_is_there() -> None:
    for field, (_, name) in COMPARED.items():
        file, _, function = name.partition("::")
        text = (ROOT / file).read_text()
        assert f"def {function}" in text, f"{field}: {name}"
