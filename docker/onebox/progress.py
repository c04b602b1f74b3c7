"""The progress display: one line per step with the seconds it took, steps that run together shown together."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")


class Progress:
    """Prints what is under way; redraws a status line on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self._running: dict[str, float] = {}
        self._lock = threading.Lock()
        self._terminal = sys.stdout.isatty()
        if self._terminal:
            threading.Thread(target=self._redraw, daemon=True).start()

    @contextmanager
    def step(self, label: str) -> Iterator[None]:
        """Show ``label`` while the block runs and its duration afterwards."""
        started = time.monotonic()
        with self._lock:
            self._running[label] = started
        try:
            yield
        except BaseException:
            self._finish(label, "FAILED", started)
            raise
        self._finish(label, "done", started)

    def together(self, *steps: tuple[str, Callable[[], Result]]) -> list[Result]:
        """Run steps at the same time; returns their results in order, raises the first failure after all ended."""

        def timed(label: str, work: Callable[[], Result]) -> Result:
            with self.step(label):
                return work()

        with ThreadPoolExecutor(max_workers=len(steps)) as pool:
            futures = [pool.submit(timed, label, work) for label, work in steps]
        return [future.result() for future in futures]

    def say(self, text: str) -> None:
        """Print a line above the status line."""
        with self._lock:
            self._clear()
            print(text, flush=True)

    def total(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.started

    def _finish(self, label: str, outcome: str, started: float) -> None:
        with self._lock:
            self._running.pop(label, None)
            self._clear()
            seconds = time.monotonic() - started
            print(f"  {outcome:6} {label:<44} {seconds:7.1f} s", flush=True)

    def _clear(self) -> None:
        if self._terminal:
            sys.stdout.write("\r\033[K")

    def _redraw(self) -> None:
        while True:
            with self._lock:
                if self._running:
                    now = time.monotonic()
                    names = ", ".join(
                        f"{label} ({now - started:.0f} s)" for label, started in self._running.items()
                    )
                    sys.stdout.write(f"\r\033[K  ...    {names[:100]}")
                    sys.stdout.flush()
            time.sleep(0.5)
