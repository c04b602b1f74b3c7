"""What hangs holds some of a process's threads, never all."""

from __future__ import annotations

import threading
import time

import pytest
from onebox.shell import patience

from apps.drivers.bulkhead import Bulkhead
from apps.drivers.errors import DriverError

pytestmark = pytest.mark.requirement("OP-2")


def full() -> DriverError:
    return DriverError("full", code="test.full")


def hold(bulkhead: Bulkhead, release: threading.Event) -> threading.Thread:
    """Hold a place in a thread of its own until released."""
    entered = threading.Event()

    def work() -> None:
        with bulkhead.place(full):
            entered.set()
            release.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    assert entered.wait(5)
    return thread


def test_no_more_than_so_many_wait_and_the_next_is_told_within_its_patience() -> None:
    bulkhead, release = Bulkhead(most=2, patience=0.05), threading.Event()
    held = [hold(bulkhead, release) for _ in range(2)]
    with pytest.raises(DriverError, match="full"), bulkhead.place(full):
        pass
    release.set()
    for thread in held:
        thread.join()
    with bulkhead.place(full):
        pass


def test_who_comes_while_all_places_are_taken_gets_the_first_that_is_free() -> None:
    bulkhead, release = Bulkhead(most=1, patience=5), threading.Event()
    held = hold(bulkhead, release)
    threading.Timer(0.05, release.set).start()
    with bulkhead.place(full):
        pass
    held.join()


def test_after_one_waited_in_vain_one_at_a_time_tries_until_there_is_an_answer() -> None:
    bulkhead, release = Bulkhead(most=8, patience=5), threading.Event()
    bulkhead.record_timeout(time.monotonic())
    held = hold(bulkhead, release)
    started = time.monotonic()
    with pytest.raises(DriverError), bulkhead.place(full):
        pass
    assert time.monotonic() - started < patience(1), "there is no use in waiting for a place"
    bulkhead.record_answer()
    with bulkhead.place(full):
        pass
    release.set()
    held.join()


def test_one_lost_answer_among_others_that_came_says_nothing_of_who_answers() -> None:
    bulkhead, release = Bulkhead(most=2, patience=0.05), threading.Event()
    started = time.monotonic()
    bulkhead.record_answer()
    bulkhead.record_timeout(started)
    held = hold(bulkhead, release)
    with bulkhead.place(full):
        pass
    release.set()
    held.join()
