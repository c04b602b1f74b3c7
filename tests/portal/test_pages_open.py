"""Every page without a key of its own opens for who belongs there."""

from __future__ import annotations

import pytest
from django.urls import URLPattern, URLResolver

from apps.accounts.models import User
from apps.portal import urls
from tests import factories


def plain_paths(patterns: list[URLPattern | URLResolver]) -> list[str]:
    """Return the paths of pages that need nothing in them."""
    return sorted(
        {str(p.pattern) for p in patterns if isinstance(p, URLPattern) and "<" not in str(p.pattern)}
        - {"style/"}  # for developers only: test_style_page.py
    )


@pytest.mark.parametrize("path", plain_paths(urls.tenant))
def test_an_owner_opens_the_page(alice: User, path: str) -> None:
    answer = factories.page_client(alice).get(f"/{path}")
    assert answer.status_code in {200, 302, 405}, answer.content


@pytest.mark.parametrize("path", plain_paths(urls.admin))
def test_an_admin_opens_the_page(ada: User, path: str) -> None:
    factories.make_host(factories.make_cluster(factories.make_region()))
    answer = factories.page_client(ada).get(f"/admin/{path}")
    assert answer.status_code in {200, 302, 405}, answer.content
