"""Ringing for a worker while the broker is away."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: In a process of its own, whose broker is nowhere.
RING = """
import time, uuid
import django; django.setup()
import scloud_console.celery
from apps.lifecycle.dispatch import dispatch
started = time.monotonic(); dispatch(uuid.uuid4()); print(time.monotonic() - started)
"""


@pytest.mark.requirement("OP-1")
def test_a_request_does_not_wait_for_a_broker_that_is_away() -> None:
    environment = {
        "DJANGO_SETTINGS_MODULE": "scloud_console.settings",
        "SCLOUD_NO_ENV_FILE": "1",
        "SCLOUD_SECRET_KEY": "only-for-this-test",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    command = [sys.executable, "-c", RING]
    done = subprocess.run(
        command, check=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert "waits for the sweeper" in done.stderr
    assert float(done.stdout) < 2, "it is the sweeper that rings again"
