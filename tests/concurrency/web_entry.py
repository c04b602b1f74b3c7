"""A web process that dies, as by `kill -9`, once a change is committed and before anybody hears of it.

    python -m tests.concurrency.web_entry scloud_console.asgi:application --port …

Takes uvicorn's arguments.
"""

from __future__ import annotations

import os
import signal
import sys

import uvicorn
from django.http import HttpRequest
from django.http.response import HttpResponseBase


def main(arguments: list[str]) -> None:
    """Serve until the first request that is accepted; its transaction has ended where its answer leaves Django."""
    from scloud_console.asgi import http

    answer = http.get_response_async

    async def answer_and_die(request: HttpRequest) -> HttpResponseBase:
        response = await answer(request)
        if response.status_code == 202:
            os.kill(os.getpid(), signal.SIGKILL)
        return response

    http.get_response_async = answer_and_die  # type: ignore[method-assign]
    uvicorn.main(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
