"""A web process that dies, as by `kill -9`, once a change is committed and before anybody hears of it.

    python -m tests.concurrency.web_entry scloud_console.asgi:application --port …

Takes uvicorn's arguments.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import uvicorn


def main(arguments: list[str]) -> None:
    """Serve until the first request that is accepted."""
    import scloud_console.asgi  # sets Django up
    from apps.api import views

    assert scloud_console.asgi.application
    once = views.once

    def once_and_die(*args: Any, **kwargs: Any) -> Any:
        response = once(*args, **kwargs)
        if response.status_code == 202:
            os.kill(os.getpid(), signal.SIGKILL)
        return response

    views.once = once_and_die
    uvicorn.main(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
