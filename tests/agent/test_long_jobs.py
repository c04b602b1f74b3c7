"""Work that outlasts an order, and turns by subject."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from onebox.shell import patience

from apps.agent.long_jobs import LongJobs
from apps.agent.subject_locks import SubjectLocks
from apps.agent.verbs import table
from apps.drivers import orders
from apps.drivers.errors import DriverError
from apps.drivers.files.layout import image_path, volume_path
from apps.drivers.host_verbs import verbs_of
from apps.drivers.memory import MemoryHypervisor, MemoryVolumes, World
from apps.drivers.protocols import Volumes
from apps.drivers.specs import ImageInfo, ImageSpec, PoolSpec, VolumeSource, VolumeSpec
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import new_id


def test_a_job_goes_on_and_is_joined() -> None:
    jobs, may_end, runs = LongJobs(patience=0.05), threading.Event(), []

    def work() -> str:
        runs.append(1)
        assert may_end.wait(10)
        return "done"

    for _ in range(2):
        with refused("host.still_working"):
            jobs.join("x", work, str)
    may_end.set()
    deadline = time.monotonic() + patience(5)
    while True:
        try:
            assert jobs.join("x", work, str) == "done"
            break
        except DriverError:
            assert time.monotonic() < deadline, "the job never ended"
    assert runs == [1]


@pytest.mark.requirement("OP-2")
def test_no_more_wait_for_jobs_than_there_are_workers() -> None:
    """The agent's other threads are for orders that are quickly done."""
    jobs, may_end = LongJobs(workers=2, patience=30), threading.Event()
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(jobs.join, name, may_end.wait, bool) for name in "ab"]
        deadline = time.monotonic() + patience(10)
        while jobs._waiters._value:
            assert time.monotonic() < deadline, "they never waited"
        started = time.monotonic()
        with refused("host.still_working"):
            jobs.join("c", may_end.wait, bool)
        assert time.monotonic() - started < patience(5)
        may_end.set()
        assert [one.result() for one in waiting] == [True, True]


def test_a_job_that_failed_starts_again() -> None:
    jobs, failures = LongJobs(patience=5), [TimeoutError("slow disk"), ValueError("bad")]

    def work() -> int:
        if failures:
            raise failures.pop()
        return 7

    with pytest.raises(ValueError, match="bad"):
        jobs.join("x", work, int)
    with pytest.raises(TimeoutError, match="slow disk"):
        jobs.join("x", work, int)
    assert jobs.join("x", work, int) == 7


def test_one_subject_has_one_visitor_and_others_do_not_wait() -> None:
    subjects, inside, most = SubjectLocks(), [], []

    def visit(number: int) -> None:
        with subjects.alone_with("one"):
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.005)
            inside.pop()

    with subjects.alone_with("other"), ThreadPoolExecutor(8) as pool:
        list(pool.map(visit, range(20)))
    assert max(most) == 1
    assert not subjects._held


def test_an_import_under_way_says_how_many_bytes_it_has_copied(tmp_path: Path) -> None:
    pool = PoolSpec(id="1", driver="file", path=str(tmp_path))
    spec, source = ImageSpec(id=new_id(), pool=pool), tmp_path / "upload.raw"
    source.write_bytes(b"x" * (1 << 20))
    may_end = threading.Event()

    class Slow(MemoryVolumes):
        def ensure_image(self, spec: ImageSpec, source: str) -> ImageInfo:
            image_path(spec).with_name(f"{spec.id}.qcow2.0a.partial").write_bytes(b"x" * (1 << 19))
            assert may_end.wait(10)
            return ImageInfo(virtual_bytes=1, stored_bytes=1, source_format="raw")

    world, ensure_image = World(), verbs_of(Volumes)["ensure_image"]
    handlers = table(MemoryHypervisor(world, "h"), Slow(world), LongJobs(patience=0.05))
    order = msgspec.msgpack.encode(ensure_image.pack(spec, str(source)))
    with pytest.raises(DriverError) as said:
        handlers[ensure_image.name].run(order)
    may_end.set()
    assert said.value.code == orders.STILL_WORKING
    # Half a MiB of two: the private copy is written, then the image from it.
    assert (said.value.values["done_bytes"], said.value.values["total_bytes"]) == (1 << 18, 1 << 20)


@pytest.mark.requirement("EV-3")
def test_a_volume_is_made_while_others_are_being_copied(tmp_path: Path) -> None:
    pool = PoolSpec(id="1", driver="file", path=str(tmp_path))
    may_end, made = threading.Event(), list[str]()

    class Slow(MemoryVolumes):
        def ensure_volume(self, spec: VolumeSpec) -> None:
            assert spec.source is None or may_end.wait(10)
            made.append(spec.id)

    world, ensure_volume = World(), verbs_of(Volumes)["ensure_volume"]
    handlers = table(MemoryHypervisor(world, "h"), Slow(world), LongJobs(workers=1, patience=0.05))
    copy, blank = (VolumeSpec(id=new_id(), pool=pool, size_gib=4) for _ in range(2))
    copy = replace(copy, source=VolumeSource(new_id(), new_id()))
    note = volume_path(copy).with_name(f"{copy.id}.qcow2.0a.progress.partial")
    note.write_bytes(b"".join(b"    (%d.00/100%%)\r" % percent for percent in range(26)))
    with pytest.raises(DriverError) as said:
        handlers[ensure_volume.name].run(msgspec.msgpack.encode(ensure_volume.pack(copy)))
    assert said.value.code == orders.STILL_WORKING
    assert (said.value.values["done_bytes"], said.value.values["total_bytes"]) == (1 << 30, 4 << 30)
    handlers[ensure_volume.name].run(msgspec.msgpack.encode(ensure_volume.pack(blank)))
    assert made == [blank.id]
    may_end.set()
