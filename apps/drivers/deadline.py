"""Calls that may hang for ever (a file system or a library on dead storage), each with a deadline."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Deadline:
    """Runs calls in threads of their own. At most `most` at a time, those included that never came back."""

    def __init__(self, most: int = 16) -> None:
        self._places = threading.BoundedSemaphore(most)

    def run(self, call: Callable[[], T], seconds: float, late: Callable[[], Exception]) -> T:
        """Return what `call` returns; raise `late()` when that takes too long, or too many calls hang already.

        A call that is late goes on: nothing can end it. Its result is lost.
        """
        if not self._places.acquire(timeout=seconds):
            raise late()
        done = threading.Event()
        outcome: dict[str, Any] = {}

        def work() -> None:
            try:
                outcome["result"] = call()
            except BaseException as error:
                outcome["error"] = error
            finally:
                self._places.release()
                done.set()

        # A daemon: an agent that is to stop does not wait for what hangs.
        threading.Thread(target=work, name="deadline", daemon=True).start()
        if not done.wait(seconds):
            raise late()
        if "error" in outcome:
            raise outcome["error"]
        result: T = outcome["result"]
        return result
