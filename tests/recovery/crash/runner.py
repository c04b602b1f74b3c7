"""Breaks everything, then does what the test tells it on its standard input, a word a line.

    python -m tests.recovery.crash.runner RESULT.json [sample]

"sample": at the points that tests/sampling.py chooses, instead of at all.
"go on": lets every stalled process go on. "repair": asks for what is offered for each failed operation. Each is
answered with "done". SCLOUD_CRASH_VERBS="vm." limits it to verbs whose names begin so.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.conf import settings

AT_ONCE = (os.cpu_count() or 1) + 1


def main(path: Path, is_sample: bool) -> None:
    """Break, write the result, then take words."""
    settings.DATABASES["default"]["OPTIONS"].pop("pool")  # its threads would not survive a fork
    django.setup()
    from tests.recovery.crash.campaign import Campaign
    from tests.recovery.crash.selection import by_changes, everything
    from tests.sampling import changes

    select = by_changes(changes()) if is_sample else everything
    campaign = Campaign(AT_ONCE, os.environ.get("SCLOUD_CRASH_VERBS", ""), select)
    warm_up()
    with freezing():
        campaign.run()
    campaign.result.write(path)
    print("done", flush=True)  # noqa: T201
    words = {"go on": campaign.go_on, "repair": campaign.repair}
    for line in sys.stdin:
        words[line.strip()]()
        print("done", flush=True)  # noqa: T201


def warm_up() -> None:
    """Load what every child would otherwise load by itself, without connecting to anything."""
    import celery.app.task
    import celery.result  # noqa: F401
    import channels_redis.pubsub  # noqa: F401
    import kombu.transport.redis  # noqa: F401
    import redis.asyncio  # noqa: F401
    from celery import current_app
    from channels.layers import get_channel_layer

    get_channel_layer()
    assert current_app.amqp.router and current_app.backend


@contextmanager
def freezing() -> Iterator[None]:
    """Keep the collector from touching what children share with this process."""
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()


if __name__ == "__main__":
    main(Path(sys.argv[1]), is_sample="sample" in sys.argv[2:])
