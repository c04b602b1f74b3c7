"""SE-5: ids and values of a query that cannot be any: a page that says so, never a bug."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from apps.accounts.models import User
from apps.portal.create import CreatePage
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("SE-5")]

ODD = ["zzz", "\x00", "9" * 30, "-1", "²", "{}", "00000000-0000-4000-8000-00000000000g", "é" * 300]

#: Pages and what they read of their address, beside filters.
SINGLE = [
    ("/search/", "key"),
    ("/search/", "q"),
    ("/vpcs/", "rows"),
    ("/vpcs/", "new"),
    ("/vpcs/", "page"),
    ("/vpcs/", "sort"),
    ("/vpcs/", "view"),
    ("/vpcs/", "control"),
    ("/vms/bulk/", "keys"),
    ("/vms/bulk/", "key"),
    ("/vms/bulk/", "action"),
]


def _create_pages(resolver: Any, area: str = "") -> dict[str, type[CreatePage]]:
    found: dict[str, type[CreatePage]] = {}
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            found |= _create_pages(pattern, pattern.namespace or area)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "view_class", None)
            if view is not None and issubclass(view, CreatePage):
                found[f"{area}:{pattern.name}"] = view
    return found


#: Of one thing, which has to be there: tests/compute/test_vm_templates.py.
OF_ONE = {"portal:vm_template.version"}
PAGES = {name: page for name, page in _create_pages(get_resolver()).items() if name not in OF_ONE}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_create_page_takes_no_value_of_its_address_on_trust(name: str, alice: User, ada: User) -> None:
    browser: Client = factories.page_client(ada if name.startswith("admin:") else alice)
    browser.raise_request_exception = False
    for odd in ODD:
        like = browser.get(reverse(name), {"like": odd})
        assert like.status_code in {404, 403}, (odd, like.status_code)
        filled = browser.get(reverse(name), dict.fromkeys(PAGES[name].form.base_fields, odd))
        assert filled.status_code in {200, 403}, (odd, filled.status_code)


@pytest.mark.parametrize("odd", ODD)
def test_what_search_and_lists_take_for_a_key_may_be_none(odd: str, alice: User) -> None:
    browser = factories.page_client(alice)
    browser.raise_request_exception = False
    for path, name in SINGLE:
        response = browser.get(path, {"kind": "vpc", name: odd}, headers={"HX-Request": "true"})
        assert response.status_code < 500, (path, name, response.status_code)
