"""Which points are broken: all, or a sample by what changed (see tests/sampling.py)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace

from apps.lifecycle.handlers import handler_of
from apps.lifecycle.verbs import all_verbs
from tests.recovery.crash.points import SWEEP, During, Point
from tests.recovery.crash.recipes import MODELS
from tests.sampling import Changes, at_most, choose

Select = Callable[[Sequence[Point]], list[Point]]
#: One point in so many is broken where nothing that carries it out has changed.
SHARE = 8
#: No more than so many are broken in a run of all tests, whatever changed: what recovers from them takes its time too.
MOST = 150
#: Parts of an app that no worker and no service meets.
PRESENTATION = frozenset({"pages", "forms", "tables", "urls", "templatetags", "filters"})
OWN = (
    "tests/kinds/",
    "tests/recovery/crash/",
    "tests/recovery/test_crash_points.py",
    "tests/recovery/audit.py",
)


def everything(points: Sequence[Point]) -> list[Point]:
    """Break at every point."""
    return list(points)


def by_changes(changes: Changes) -> Select:
    """Return the selection: all points of a verb whose app changed, the first of each kind of step, and a share.

    Of more than `MOST` those whose turn it is, by the rotation; `make campaign` breaks at all.
    """
    relevant = replace(changes, files=changes.files and frozenset(filter(_acts, changes.files)))

    def select(points: Sequence[Point]) -> list[Point]:
        core = _first_of_each(points)
        chosen = choose(
            points, relevant, name=str, paths=lambda point: _paths(point.verb), core=core, share=SHARE
        )
        return at_most(MOST, chosen, changes.rotation, name=str, core=core)

    return select


def _acts(file: str) -> bool:
    """Whether the file is of those that carry verbs out."""
    return not PRESENTATION & {part.removesuffix(".py") for part in file.split("/")}


def _paths(verb: str) -> tuple[str, ...]:
    if verb == SWEEP:
        return OWN
    kind = next(one.kind for one in all_verbs() if one.name == verb)
    modules = {handler_of(verb).__module__, MODELS[kind].__module__}
    return (*OWN, *(f"{'/'.join(module.split('.')[:2])}/" for module in modules))


def _first_of_each(points: Iterable[Point]) -> frozenset[Point]:
    first: dict[Hashable, Point] = {}
    for point in points:
        first.setdefault(_kind(point), point)
    return frozenset(first.values())


def _kind(point: Point) -> Hashable:
    """What is the same step whichever verb makes it: a driver call broken so, a statement of a phase broken so."""
    if point.then:
        return point.way, point.then
    is_call = point.during == During.RUN and "." in point.where
    return point.during, point.way, point.where if is_call else ""
