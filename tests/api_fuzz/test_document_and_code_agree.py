"""IN-1: what the document allows is accepted, and what it does not allow is refused, but for `beyond.py`."""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis.core
from django.core.wsgi import get_wsgi_application
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from tests.api_fuzz.beyond import fields_beyond
from tests.api_fuzz.operations import all_operations, few, schema
from tests.api_fuzz.sending import watched
from tests.api_fuzz.touched import NAME, paths_of
from tests.security.world import World
from tests.touched import WHAT_ANSWERS

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("IN-1"),
    pytest.mark.campaign(NAME, paths_of, engine=WHAT_ANSWERS, share=8),
]

#: Their objects' names are data: which there are is looked up.
NAMES_ARE_DATA = {"/api/v1/settings", "/api/v1/tenants/{key}/quotas"}
NOT_SET = schemathesis.core.NOT_SET


def _field(path: str) -> str:
    """Return the last name in an error's field."""
    return [part for part in path.split(".") if not part.isdecimal()][-1]


def _asked(path: str, method: str, mode: GenerationMode, world: World) -> st.SearchStrategy[Case]:
    segment = path.removeprefix("/api/v1/").partition("/")[0]
    fixed: dict[str, Any] = {"headers": {}, "cookies": {}}
    if "{key}" in path:
        fixed["path_parameters"] = {"key": str(world.keys[segment])}
    return schema()[path][method].as_strategy(generation_mode=mode, **fixed)


def _send(case: Case, world: World, role: str, before: dict[str, object]) -> tuple[int, dict[str, Any]]:
    token = {"Authorization": f"Bearer {world.tokens[role]}"}
    with watched(before):
        response = case.call(app=get_wsgi_application(), headers=token)
    is_json = "json" in response.headers.get("content-type", [""])[0]
    return response.status_code, json.loads(response.content) if is_json and response.content else {}


@pytest.mark.parametrize(("path", "method"), all_operations())
def test_what_the_document_allows_is_not_called_malformed(
    path: str, method: str, world: World, before: dict[str, object]
) -> None:
    beyond = fields_beyond(f"{method} {path.removeprefix('/api/v1')}")

    @few(3)
    @given(case=_asked(path, method, GenerationMode.POSITIVE, world))
    def ask(case: Case) -> None:
        for role in ("alice", "ada"):
            status, answer = _send(case, world, role, before)
            if status in {400, 422} and not (status == 422 and path in NAMES_ARE_DATA):
                refused = {_field(error["field"]): error["message"] for error in answer.get("errors", [])}
                if path.endswith("/bulk"):  # one schema for all actions, whose own fields differ
                    refused = {name: said for name, said in refused.items() if name == "ids"} or {
                        "action": ""
                    }
                unexpected = refused.keys() - beyond
                assert refused and not unexpected, f"{answer} for {case.query} {case.body}"

    ask()


@pytest.mark.parametrize(("path", "method"), all_operations())
def test_what_the_document_does_not_allow_is_refused(
    path: str, method: str, world: World, before: dict[str, object]
) -> None:
    @few(4)
    @given(case=_asked(path, method, GenerationMode.NEGATIVE, world))
    def ask(case: Case) -> None:
        if case.meta is not None and getattr(case.meta.phase.data, "parameter", "") == "Authorization":
            return  # it is sent with the caller's own
        query = (case.query or {}).values()
        if any(isinstance(value, dict | list) or value is None or value == "" for value in query):
            return  # a query has texts only: what is wrong with the value does not reach the platform
        if case.body is NOT_SET and all(name.endswith(("_after", "_before")) for name in case.query or {}):
            return  # nothing wrong is left: formats are notes to a reader of the document
        for role in ("alice", "ada"):
            status, answer = _send(case, world, role, before)
            refused = status >= 400 or answer.get("possible") is False  # of a dry run
            assert refused, f"{status} for {case.query} {case.body!r}"

    ask()
