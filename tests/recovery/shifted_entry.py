"""A program of ours whose wall clock is as many seconds off as a file says, by libfaketime.

    python -m tests.recovery.shifted_entry FILE celery --app …

The monotonic clock, which nobody sets, stays as it is.
"""

from __future__ import annotations

import os
import runpy
import select
import sys
import time

LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


def main(file: str, module: str, arguments: list[str]) -> None:
    """Start again under the library, then become that program."""
    if os.environ.get("LD_PRELOAD") != LIBRARY:
        environment = {
            **os.environ,
            "LD_PRELOAD": LIBRARY,
            "FAKETIME_TIMESTAMP_FILE": file,
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        os.execve(sys.executable, sys.orig_argv, environment)
    # Python sleeps until a moment of the monotonic clock, which the library takes for one of the wall clock.
    time.sleep = lambda seconds: select.select((), (), (), float(seconds)) and None
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
