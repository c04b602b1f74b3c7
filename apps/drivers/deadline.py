"""Calls that may hang for ever (a file system or a library on dead storage), each with a deadline."""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Deadline:
    """Runs calls in threads of their own.

    At most `most` at a time for one subject, those included that never came back: what hangs holds up nothing else.
    """

    def __init__(self, most: int = 4) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._busy: dict[str, int] = {}

    def run(self, subject: str, call: Callable[[], T], seconds: float, late: Callable[[], Exception]) -> T:
        """Return what `call` returns; raise `late()` when that takes too long, or too many calls hang already.

        A call that is late goes on: nothing can end it. Its result is lost.
        """
        give_up = time.monotonic() + seconds
        if not self._take_place(subject, seconds):
            raise late()
        done = threading.Event()
        outcome: dict[str, Any] = {}

        def work() -> None:
            try:
                outcome["result"] = call()
            except BaseException as error:
                outcome["error"] = error
            finally:
                self._give_back(subject)
                done.set()

        # A daemon: an agent that is to stop does not wait for what hangs.
        threading.Thread(target=work, name=f"deadline {subject}", daemon=True).start()
        if not done.wait(max(0.0, give_up - time.monotonic())):
            raise late()
        if "error" in outcome:
            raise outcome["error"]
        result: T = outcome["result"]
        return result

    def _take_place(self, subject: str, seconds: float) -> bool:
        with self._changed:
            free = self._changed.wait_for(lambda: self._busy.get(subject, 0) < self._most, seconds)
            if free:
                self._busy[subject] = self._busy.get(subject, 0) + 1
            return free

    def _give_back(self, subject: str) -> None:
        with self._changed:
            self._busy[subject] -= 1
            if not self._busy[subject]:
                del self._busy[subject]
            self._changed.notify_all()
