"""IN-1: `allowed_actions` names an action only where a path carries it out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.security.conftest import world
from tests.security.routes import all_routes
from tests.security.world import World

__all__ = ["world"]

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("IN-1")]

PATHS = {"/" + route.path: route.methods for route in all_routes() if route.area == "api"}
NO_LISTS = {"/api/v1/docs", "/api/v1/schema"}
LISTS = sorted(
    path for path, there in PATHS.items() if "GET" in there and path.count("/") == 3 and path not in NO_LISTS
)
#: Actions whose path has no name of its own.
METHODS = {"rename": "PATCH", "delete": "DELETE", "remove": "DELETE"}


def _endpoint(path: str, action: str) -> bool:
    one = next(each for each in PATHS if each.startswith(f"{path}/<") and each.endswith(":key>"))
    method = METHODS.get(action)
    return method in PATHS[one] if method else "POST" in PATHS.get(f"{one}/{action}", ())


def _rows(world: World, role: str, path: str) -> list[dict[str, Any]]:
    answer = world.program(role).get(path).json()
    return [row for row in answer.get("results", []) if "allowed_actions" in row]


@pytest.mark.parametrize("role", ["alice", "ada", "vera"])
@pytest.mark.parametrize("path", LISTS)
def test_every_allowed_action_has_an_endpoint(path: str, role: str, world: World) -> None:
    for row in _rows(world, role, path):
        named = [each["action"] for each in row["allowed_actions"]]
        assert [action for action in named if not _endpoint(path, action)] == [], path


def test_kinds_with_actions_are_among_the_lists(world: World) -> None:
    kinds = {path for path in LISTS if any(row["allowed_actions"] for row in _rows(world, "ada", path))}
    named = ("vms", "vpcs", "subnets", "images", "key-pairs", "hosts", "findings", "in-trouble")
    assert {f"/api/v1/{plural}" for plural in named} <= kinds
