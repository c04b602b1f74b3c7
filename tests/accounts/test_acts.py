"""A verb and the service that does it are paired once: at the service."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.accounts.acts import allows, changes
from apps.accounts.verbs import PROFILE_EDIT
from apps.lifecycle import acts, verbs
from apps.lifecycle.acts import service_of
from apps.lifecycle.errors import Forbidden, NotFound
from apps.lifecycle.models import Resource
from apps.lifecycle.requests import Allowed, Change
from apps.lifecycle.verbs import Verb
from apps.tenancy.services.profile import edit_profile
from tests import factories
from tests.factories import actor_for_user

ROOT = Path(__file__).parents[2] / "apps"
#: prove_current is called before its verb's service, so that the failure is kept; change_settings needs a second verb
#: for some settings; eip_choice is the part of a VM's creation that asks for a new EIP.
BESIDE = {
    *("prove_current", "change_settings", "clone_disk", "create_snapshot", "eip_choice"),
    *("migrate_vm", "append"),  # in the logs of both hosts; the parts of an upload
}


def functions() -> Iterator[tuple[Path, ast.FunctionDef]]:
    for path in [*ROOT.glob("*/services.py"), *ROOT.glob("*/services/*.py")]:
        yield from (
            (path, node)
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.FunctionDef)
        )


def calls(node: ast.AST, name: str) -> Iterator[ast.Call]:
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == name:
            yield each


def served(function: ast.FunctionDef) -> set[str]:
    found = {
        argument.id
        for each in function.decorator_list
        for argument in getattr(each, "args", ())
        if isinstance(argument, ast.Name)
    }
    return {name for name in found if name.isupper()}


def test_a_service_judges_the_verb_that_it_serves() -> None:
    wrong = [
        f"{path.name}: {function.name} judges {call.args[1].id}"
        for path, function in functions()
        for call in (*calls(function, "allow"), *calls(function, "begin"))
        if isinstance(call.args[0], ast.Name)
        and call.args[0].id == "actor"
        and isinstance(call.args[1], ast.Name)
        and call.args[1].id.isupper()
        and call.args[1].id not in served(function)
        and function.name not in BESIDE
    ]
    assert not wrong


def test_no_service_writes_a_verbs_name_into_the_log_by_hand() -> None:
    wrong = [
        f"{path.name}: {function.name}"
        for path, function in functions()
        for call in calls(function, "record")
        if len(call.args) > 1
        and isinstance(call.args[1], ast.Attribute)
        and function.name not in BESIDE
        and isinstance(call.args[1].value, ast.Name)
        and call.args[1].value.id.isupper()
    ]
    assert not wrong


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Verb:
    acts.has_service("vm.start")  # before the tables are copied
    monkeypatch.setattr(verbs, "_table", dict(verbs._table))
    monkeypatch.setattr(acts, "_services", dict(acts._services))
    return verbs.declare(Verb("vpc.flag", "Flag", "Flagging", permission="manage", exclusive=False))


def test_an_own_accounts_service_is_that_of_its_verb() -> None:
    assert service_of(PROFILE_EDIT) is edit_profile


@pytest.mark.django_db
def test_a_service_of_the_whole_platform_is_called_once_the_verb_is_judged(verb: Verb) -> None:
    @allows(verb)
    def flag(allowed: Allowed, *, name: str) -> str:
        return f"{allowed.verb.name} {name}"

    assert service_of(verb) is flag
    assert flag(actor_for_user(factories.make_admin("ada")), name="one") == "vpc.flag one"
    with pytest.raises(Forbidden):
        flag(actor_for_user(factories.make_owner(factories.make_tenant("acme"), "alice")), name="one")


@pytest.mark.django_db
@pytest.mark.parametrize(("shared", "refusal"), [(True, Forbidden), (False, NotFound)])
def test_what_belongs_to_no_tenant_is_forbidden_where_all_see_it_and_else_unknown(
    verb: Verb, shared: bool, refusal: Any
) -> None:
    @changes(verb, shared=shared)
    def flag(change: Change[Resource]) -> None:
        raise AssertionError("it was judged")

    row = Resource.objects.create(kind="vpc", name="all's", state="ready")
    with pytest.raises(refusal):
        flag(actor_for_user(factories.make_owner(factories.make_tenant("acme"), "alice")), row)
