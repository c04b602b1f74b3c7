"""Work that outlasts an order, and turns by subject."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from apps.agent.long_jobs import LongJobs
from apps.agent.subjects import Subjects
from apps.drivers.errors import DriverError
from tests.drivers.contracts.fabric import refused


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
    deadline = time.monotonic() + 5
    while True:
        try:
            assert jobs.join("x", work, str) == "done"
            break
        except DriverError:
            assert time.monotonic() < deadline, "the job never ended"
    assert runs == [1]


def test_a_job_that_failed_is_begun_anew() -> None:
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
    subjects, inside, most = Subjects(), [], []

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
