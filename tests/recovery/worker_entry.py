"""A control worker that kills itself, as `kill -9` would, at its n-th driver call of a given kind.

    python -m tests.recovery.worker_entry hypervisor.ensure_vm:before 1 worker --queues control,periodic …

Only the pretend region offers such a hook; the product knows nothing of it.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys

import django


def main(point: str, number: int, arguments: list[str]) -> None:
    """Run Celery with `arguments` until the `number`-th driver call at `point` ("verb:before" or "verb:after")."""
    django.setup()
    from apps.infrastructure import backends
    from scloud_console.celery import app

    left = itertools.count(number - 1, -1)  # next() on it is atomic, and calls come from many threads

    def kill_at_the_point(verb: str, moment: str) -> None:
        if f"{verb}:{moment}" == point and next(left) <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    backends.memory_world().on_call = kill_at_the_point
    app.worker_main(arguments)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
