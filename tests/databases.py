"""Databases of tests, copied from a template that is kept on the server by the hash of what makes it.

Migrating takes seconds, copying tenths of one. The template is made again when a migration, an app or a setting that it
depends on differs; it is found by its name alone, so that no other can be taken. All of this happens under one lock of
the server: xdist's workers and two runs at a time wait for each other here, and nowhere else.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

from tests import committed_rows

PREFIX = "template_"
BUILDING = "building_template"
#: Of PostgreSQL's advisory locks in the maintenance database.
LOCK = 0x7E577E57
#: Sequences that their migrations start at a random place, and how. Copies must differ too: hosts may still hold what
#: the tests before made with such numbers.
RANDOM_STARTS: dict[str, Callable[[], int]] = {
    "network_vni": lambda: 1000 + random.randrange(8_388_608),  # noqa: S311
    "network_mac": lambda: (0x020000000000 | random.randrange(65_536) << 24) + 1,  # noqa: S311
    "compute_guest_uid": lambda: 1_900_000_000 + random.randrange(100_000_000),  # noqa: S311
}


def fingerprint() -> str:
    """Return the hash of everything that a freshly migrated database depends on."""
    found = sha256(Path(__file__).read_bytes())
    for app in apps.get_app_configs():
        found.update(app.name.encode())
        for file in sorted(_migrations(app)):
            found.update(file.name.encode() + file.read_bytes())
    for model in apps.get_models():
        options = model._meta
        found.update(repr((options.label, options.permissions, options.default_permissions)).encode())
    found.update(repr((settings.AUTH_USER_MODEL, settings.DEFAULT_AUTO_FIELD)).encode())
    return found.hexdigest()[:16]


def _migrations(app: Any) -> Iterator[Path]:
    """Yield the files of an app's migrations."""
    try:
        module = import_module(f"{app.name}.migrations")
    except ModuleNotFoundError:
        return
    for place in module.__path__:
        yield from Path(place).glob("*.py")


def create(name: str) -> None:
    """Create a migrated database of this name, in place of one that is left over, and connect to it."""
    _disconnect()
    template = PREFIX + fingerprint()
    with _locked_server() as server:
        if not _exists(server, template):
            _make_template(server, template)
        drop_from(server, name)
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    _connect(name)
    with connection.cursor() as cursor:
        for sequence, start in RANDOM_STARTS.items():
            cursor.execute(f"ALTER SEQUENCE {sequence} RESTART WITH {start()}")
    committed_rows.remember()


def drop(name: str, usual: str) -> None:
    """Drop a database of tests and connect to `usual` again."""
    _connect(usual)
    with connection._nodb_cursor() as server:  # type: ignore[attr-defined]
        drop_from(server, name)


def drop_from(server: Any, name: str) -> None:
    """Drop a database with everybody's connections to it.

    WITH (FORCE) is refused while autovacuum is at work there; without it, PostgreSQL makes autovacuum leave.
    """
    server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usename = current_user",
        [name],
    )
    server.execute(f'DROP DATABASE IF EXISTS "{name}"')


def _make_template(server: Any, template: str) -> None:
    """Migrate a database, take it as the template, and drop those of other migrations."""
    test, usual = connection.settings_dict["TEST"], connection.settings_dict["NAME"]
    kept = test["NAME"]
    test["NAME"] = BUILDING
    try:
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    finally:
        test["NAME"] = kept
        _connect(usual)
    for old in _templates(server):
        drop_from(server, old)
    server.execute(f'ALTER DATABASE "{BUILDING}" RENAME TO "{template}"')


@contextmanager
def _locked_server() -> Iterator[Any]:
    """Give a cursor of the maintenance database, by itself in all processes until it is closed."""
    with connection._nodb_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        yield cursor  # closing the connection gives the lock back


def _exists(server: Any, name: str) -> bool:
    server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
    return server.fetchone() is not None


def _templates(server: Any) -> list[str]:
    server.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
    return [name for (name,) in server.fetchall()]


def _connect(name: str) -> None:
    """Have Django use this database from now on."""
    _disconnect()
    settings.DATABASES["default"]["NAME"] = name
    connection.settings_dict["NAME"] = name


def _disconnect() -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has one


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
    django_db_modify_db_settings: None,
) -> Iterator[None]:
    """pytest-django's, from the template, and for every test that asks: it looks at marks only, of all tests."""
    name, usual = connection.settings_dict["TEST"]["NAME"], connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        create(name)
    with patch.object(TransactionTestCase, "_fixture_teardown", committed_rows.delete_committed):
        yield
    with django_db_blocker.unblock():
        drop(name, usual)
