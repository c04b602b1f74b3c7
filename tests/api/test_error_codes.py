"""IN-1: every error code that the platform raises is documented, and each problem links to its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.accounts.models import User
from apps.api.error_codes import NOT_OF_THE_API, REQUEST_CODES, markdown, page_of
from apps.api.errors import HINTS
from apps.api.operation_error_codes import OPERATION_CODES
from tests import factories

pytestmark = pytest.mark.requirement("IN-1")

ROOT = Path(__file__).resolve().parents[2]
#: What carries a code that no error of the API has: parts of pages, events, and rules of passwords and forms.
NO_ERRORS = {
    "StateLabel",
    "Toast",
    "Moment",
    "Line",
    "create",
    "filter",
    "update",
    "ValidationError",
    "fetch_token",
}
#: Those that Django REST framework raises by itself are named by their hints.
OF_THE_FRAMEWORK = {*HINTS}


def _literals(value: ast.expr, constants: dict[str, set[str]]) -> Iterator[str]:
    """Yield the codes that an expression can be."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.IfExp):
        yield from _literals(value.body, constants)
        yield from _literals(value.orelse, constants)
    elif isinstance(value, ast.Name) and value.id in constants:
        yield from constants[value.id]


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _constants(trees: list[ast.Module]) -> dict[str, set[str]]:
    """Return constants of modules that hold a dotted text; two modules may have one of the same name."""
    found: dict[str, set[str]] = {}
    for statement in (each for tree in trees for each in tree.body):
        if not (isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)):
            continue
        if "." in str(statement.value.value):
            found.setdefault(_name(statement.targets[0]), set()).add(str(statement.value.value))
    return found


def _raised() -> set[str]:
    trees = [
        ast.parse(path.read_text())
        for path in (ROOT / "apps").rglob("*.py")
        if "migrations" not in path.parts
    ]
    constants, found = _constants(trees), set()
    for node in (each for tree in trees for each in ast.walk(tree)):
        if isinstance(node, ast.Call) and _name(node.func) not in NO_ERRORS:
            codes = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            found |= {code for value in codes for code in _literals(value, constants)}
        elif isinstance(node, ast.ClassDef):
            named = [each for each in node.body if isinstance(each, ast.Assign)]
            named = [each for each in named if _name(each.targets[0]) in ("code", "default_code")]
            found |= {code for statement in named for code in _literals(statement.value, constants)}
    return found


def test_every_code_that_is_raised_is_documented_and_no_other() -> None:
    raised = {code for code in _raised() if not code.startswith(NOT_OF_THE_API)} | OF_THE_FRAMEWORK
    documented = {
        code for code in REQUEST_CODES.keys() | OPERATION_CODES.keys() if not code.startswith(NOT_OF_THE_API)
    }
    elsewhere = {"bad_request", "csrf", "removed_meanwhile", "platform.unavailable", "driver.failed"}
    elsewhere |= {"password.must_change", "acting.ended"}  # first steps
    assert sorted(raised - documented) == []
    assert sorted(documented - raised - elsewhere) == []


def test_the_page_of_codes_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "errors.md").read_text() == markdown(), "Error codes changed: make openapi"


def test_a_problem_links_to_its_code(alice: User) -> None:
    client = factories.api_client(alice)
    page = factories.page_client(alice).get("/api/v1/docs").content.decode()
    for answer in (
        client.get("/api/v1/nothing"),
        client.get("/api/v1/vms?zzz=1"),
        client.patch("/api/v1/vms"),
    ):
        problem = answer.json()
        assert problem["type"] == page_of(problem["code"])
        assert f'id="{problem["code"]}"' in page
