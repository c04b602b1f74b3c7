"""One act per verb: its service is declared once, and nothing it writes can name another verb."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from inspect import signature
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import URLPattern

from apps.accounts.acts import changes, requested
from apps.api import urls as api_urls
from apps.api.declarations import Action, Create, Update
from apps.api.views import ObjectApi
from apps.infrastructure.models import Host
from apps.lifecycle import requests
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.acts import _services, has_service, serves, service_of
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import Allowed, Change
from apps.lifecycle.retry import retry
from apps.lifecycle.verbs import Verb, all_verbs
from apps.portal.kind_registry import list_pages
from tests.lifecycle.conftest import GLANCE, POLISH, TIDY
from tests.lifecycle.test_verb_table import PRETEND, carried_out

APPS = Path(settings.BASE_DIR) / "apps"

#: Verbs without a service of their own, and why.
NO_SERVICE = {
    "account.": "in one's own session only, by pages that take several steps",
    "tenant.act_as": "begins with a session's cookie",
    "tenant.stop_acting": "ends with a session's cookie",
    "tenant.recount": "quotas count for the platform, too, which asks nobody",
    "cluster.create": "compute and storage clusters are created by a service each",
    "platform_settings.change_log_in": "a further right that `platform_settings.change` looks at",
    "image.capture": "requested by `vm.create_image`, which locks the VM and its disk",
    "host.recount": "written by the platform",
    "subnet.recount": "written by the platform",
}


def real_verbs() -> list[Verb]:
    return [verb for verb in all_verbs() if verb.name not in PRETEND]


def test_every_verb_has_one_service_or_a_reason_to_have_none() -> None:
    without = {verb.name for verb in real_verbs() if not has_service(verb.name)}
    assert not {verb.name for verb in real_verbs() if verb.on_resource} & without
    unexplained = {name for name in without if not name.startswith(tuple(NO_SERVICE))}
    # Those of one's own account that have one are fine; every other reason must still be needed.
    needless = {reason for reason in NO_SERVICE if not any(name.startswith(reason) for name in without)}
    assert (unexplained, needless) == (set(), set())
    with pytest.raises(ValueError, match="two services"):
        serves(next(verb for verb in real_verbs() if has_service(verb.name)))(lambda: None)


def test_every_service_belongs_to_a_verb_of_the_table() -> None:
    has_service("")  # loads them
    assert set(_services) <= {verb.name for verb in all_verbs()}


def declared() -> Iterator[Action | Create | Update]:
    """Yield what the API's classes declare."""
    for pattern in api_urls.urlpatterns:
        view = getattr(pattern.callback, "cls", None) if isinstance(pattern, URLPattern) else None
        if view is not None and issubclass(view, ObjectApi):
            yield from (each for each in (view.create, view.update, view.delete, *view.actions) if each)


def test_whatever_api_and_pages_offer_has_something_that_does_it() -> None:
    offered = [(each.verb, each.service) for each in declared()]
    for area in ("portal", "admin"):
        dos = [do for page in list_pages(area).values() for do in page.of.actions]
        offered += [(do.verb, do.service) for do in dos if not do.opens]
    assert len(offered) > 100
    for verb, service in offered:
        assert callable(service), verb.name


def test_what_retries_a_verb_has_a_service() -> None:
    for verb in carried_out():
        assert not verb.exclusive or has_service(verb.retry), verb.name


def test_a_change_is_requested_as_what_it_was_begun_as() -> None:
    """By construction: neither takes a verb, and only `access` makes a Change."""
    for method in (Change.request, Change.record, Allowed.request, Allowed.record):
        assert "verb" not in signature(method).parameters
    assert not hasattr(requests, "request")
    makers = {
        str(path.relative_to(APPS))
        for path in APPS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Change"
    }
    assert makers == {"accounts/access.py"}


def test_a_service_begins_its_verb_and_requests_it(host: Host) -> None:
    tidy = requested(TIDY)
    try:
        operation = tidy(SYSTEM, host)
        assert (operation.verb, operation.resource_id) == (TIDY.name, host.pk)
        assert service_of(TIDY) is tidy
    finally:
        _services.pop(TIDY.name)


def test_what_is_retried_by_itself_is_given_the_values_it_was_asked_for_with(host: Host) -> None:
    @changes(GLANCE)
    def glance(change: Change[Host], *, far: bool = False) -> Operation:
        return change.request(args={"far": far})

    @changes(POLISH)
    def polish(change: Change[Host]) -> Operation:
        return change.request()

    try:
        first = glance(SYSTEM, host, far=True)
        assert retry(SYSTEM, GLANCE, host, first).args == {"far": True}
        # Another verb's values mean nothing to it.
        assert retry(SYSTEM, POLISH, host, first).args == {}
    finally:
        _services.pop(GLANCE.name), _services.pop(POLISH.name)
