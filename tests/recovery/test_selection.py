"""The sample of crash points: what changed whole, each kind of step once, and in the end every point."""

from __future__ import annotations

import pytest

from tests.recovery.crash import selection
from tests.recovery.crash.breaking import verbs_with_a_handler
from tests.recovery.crash.points import CALL_WAYS, During, Point
from tests.recovery.crash.recipes import RECIPES
from tests.recovery.crash.selection import SHARE, by_changes
from tests.sampling import Changes

CALLS = ("fabric.ensure_port", "hypervisor.ensure_vm", "volumes.ensure_volume")
POINTS = [
    Point(verb.name, During.RUN, way, number, call)
    for verb in verbs_with_a_handler()
    if verb.name in RECIPES
    for number, call in enumerate(CALLS, 1)
    for way in CALL_WAYS
]


@pytest.fixture(autouse=True)
def room_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MOST", len(POINTS))


def chosen(*files: str, rotation: int = 0) -> set[Point]:
    return set(by_changes(Changes(frozenset(files), "since", rotation))(POINTS))


def of_verbs(*kinds: str) -> set[Point]:
    return {point for point in POINTS if point.verb.startswith(kinds)}


def test_every_point_of_every_verb_has_its_turn() -> None:
    assert set().union(*(chosen(rotation=turn) for turn in range(SHARE))) == set(POINTS)


def test_each_call_is_broken_in_each_way_whatever_changed() -> None:
    kinds = {(point.where, point.way) for point in chosen("docs/x.md")}
    assert kinds == {(call, way) for call in CALLS for way in CALL_WAYS}


@pytest.mark.parametrize(
    ("file", "kinds"),
    [
        ("apps/network/services/vpc.py", ("vpc.", "subnet.", "security_group.")),
        ("apps/compute/models.py", ("vm.", "image.")),
    ],
)
def test_all_points_of_verbs_whose_app_changed_are_broken(file: str, kinds: tuple[str, ...]) -> None:
    found = chosen(file)
    assert of_verbs(*kinds) <= found < set(POINTS)


def test_a_change_of_pages_alone_breaks_no_more() -> None:
    assert chosen("apps/compute/pages/vm.py", "apps/compute/forms.py") == chosen()


def test_the_campaigns_own_files_break_everything() -> None:
    assert chosen("tests/recovery/crash/points.py") == set(POINTS)


def test_of_too_many_points_others_are_broken_at_each_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MOST", 100)
    turns = [chosen("tests/recovery/crash/points.py", rotation=turn) for turn in range(len(POINTS) // 80)]
    assert {len(turn) for turn in turns} == {100}
    assert set().union(*turns) == set(POINTS)
