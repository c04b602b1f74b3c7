"""Plugins and settings for all tests. Fixtures about a subject live in that subject's conftest.py."""

import os

# Playwright's sync API keeps an event loop running in the test's thread, which Django would take for async code.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

pytest_plugins = [
    "tests.requirements_report",
    "tests.collector",
    "tests.minutes",
    "tests.databases",
    "tests.fixtures",
    "tests.onebox_fixtures",
    "tests.platform_fixtures",
    "tests.real_site",
    "tests.chromium",
    "tests.steady_network",
    "tests.sampling",
]
