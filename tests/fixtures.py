"""The cast of all tests. Tenant A: alice owns it; mia manages, otto operates and vera views its default project.

bob owns tenant B and is a stranger to A. ada is a platform admin.
"""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.conf import settings
from django.utils import translation

from apps.accounts.models import Project, Role, Tenant, User
from apps.platform_settings import store
from tests import factories


@pytest.fixture(autouse=True)
def fresh_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the platform's settings once in each test: what the test before set is rolled back."""
    monkeypatch.setattr(store, "FRESH", 3600.0)
    store.forget()


@pytest.fixture(autouse=True)
def own_throttle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count failed logins of each test by themselves; the counters of earlier ones end on their own."""
    monkeypatch.setattr(settings, "THROTTLE_PREFIX", f"throttle:{uuid4().hex}:")


@pytest.fixture(autouse=True)
def default_language() -> None:
    """Start each test in the default language: the last request of the test before stays active in its thread."""
    translation.deactivate()


@pytest.fixture
def tenant_a(db: None) -> Tenant:
    return factories.make_tenant("acme")


@pytest.fixture
def tenant_b(db: None) -> Tenant:
    return factories.make_tenant("bolt")


@pytest.fixture
def project_a(tenant_a: Tenant) -> Project:
    return factories.default_project(tenant_a)


@pytest.fixture
def project_b(tenant_b: Tenant) -> Project:
    return factories.default_project(tenant_b)


@pytest.fixture
def alice(tenant_a: Tenant) -> User:
    return factories.make_owner(tenant_a, "alice")


@pytest.fixture
def mia(tenant_a: Tenant) -> User:
    return factories.make_member(tenant_a, Role.MANAGER, "mia")


@pytest.fixture
def otto(tenant_a: Tenant) -> User:
    return factories.make_member(tenant_a, Role.OPERATOR, "otto")


@pytest.fixture
def vera(tenant_a: Tenant) -> User:
    return factories.make_member(tenant_a, Role.VIEWER, "vera")


@pytest.fixture
def bob(tenant_b: Tenant) -> User:
    return factories.make_owner(tenant_b, "bob")


@pytest.fixture
def ada(db: None) -> User:
    return factories.make_admin("ada")
