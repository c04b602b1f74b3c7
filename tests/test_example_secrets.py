"""The example's secrets start no process."""

import os
import subprocess
import sys

import pytest
from django.conf import settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCLOUD_SECRET_KEY", "change-me"),
        ("SCLOUD_FIELD_KEY", "change-me"),
        ("DATABASE_URL", "postgresql://scloud:change-me@postgres/scloud"),
        ("REDIS_URL", "rediss://control:change-me@redis:6379/0"),
    ],
)
@pytest.mark.requirement("SE-4")
def test_a_process_with_a_secret_of_the_example_does_not_start(name: str, value: str) -> None:
    environment = {**os.environ, "SCLOUD_NO_ENV_FILE": "1", "SCLOUD_SECRET_KEY": "x" * 50, name: value}
    command = [sys.executable, "-c", "import scloud_console.settings"]
    done = subprocess.run(
        command, env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert f"{name} holds the example's secret" in done.stderr
