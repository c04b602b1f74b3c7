"""Calls that hang: they cost a thread each, and only so many."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from onebox.shell import patience

from apps.drivers.deadline import Deadline

LATE = TimeoutError("late")


def test_a_call_in_time_gives_its_result_or_its_error() -> None:
    deadline = Deadline(1)
    for _ in range(3):
        assert deadline.run("a", lambda: 5, 10, lambda: LATE) == 5
        with pytest.raises(ZeroDivisionError):
            deadline.run("a", lambda: 1 // 0, 10, lambda: LATE)


def test_calls_that_hang_are_left_and_take_no_more_threads_than_there_are_places() -> None:
    deadline, may_end = Deadline(2), threading.Event()
    threads = threading.active_count()
    for _ in range(5):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            deadline.run("a", may_end.wait, 0.05, lambda: LATE)
        assert time.monotonic() - began < patience(5)
    assert threading.active_count() == threads + 2
    assert deadline.run("b", lambda: "others go on", 10, lambda: LATE) == "others go on"
    may_end.set()
    assert deadline.run("a", lambda: "again", 10, lambda: LATE) == "again"


def test_calls_for_one_subject_wait_for_a_place() -> None:
    deadline, most = Deadline(2), list[int]()
    inside: set[int] = set()

    def visit() -> None:
        inside.add(threading.get_ident())
        most.append(len(inside))
        time.sleep(0.005)
        inside.discard(threading.get_ident())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: deadline.run("a", visit, 10, lambda: LATE), range(20)))
    assert max(most) == 2
    assert not deadline._busy
