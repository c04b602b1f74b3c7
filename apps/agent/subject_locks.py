"""One order at a time for each VM, volume or image."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class SubjectLocks:
    """Locks by name, which exist only while somebody holds or awaits them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def alone_with(self, subject: str) -> Iterator[None]:
        """Hold the subject."""
        with self._lock:
            lock, users = self._held.get(subject, (threading.Lock(), 0))
            self._held[subject] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, users = self._held[subject]
                if users == 1:
                    del self._held[subject]
                else:
                    self._held[subject] = (lock, users - 1)
