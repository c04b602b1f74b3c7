"""Plugin: whoever opens the database through a fixture of a longer scope gets the test database, also when run alone.

pytest-django makes it only for a run in which some test is marked `django_db` or uses `db`. Without that, its fixture
`django_db_setup` does nothing, and such a test would write to the configured database.
"""

from __future__ import annotations

import pytest

#: Fixtures by which pytest-django itself knows that a test needs the database.
_KNOWN = {"db", "transactional_db", "live_server"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests among whose fixtures one opens the database by itself."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if (
            "django_db_setup" in fixtures
            and not fixtures & _KNOWN
            and not item.get_closest_marker("django_db")
        ):
            item.add_marker(pytest.mark.django_db)
