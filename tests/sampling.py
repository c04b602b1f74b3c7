"""Campaigns: whole in `make campaign`; in `make test` a sample of each, chosen by what changed.

A test marked `campaign(NAME, paths, engine=..., share=...)` is one case of a campaign. Of the cases of each function
these are run:

* those whose own files changed: `paths`, beginnings of file names, or a callable that gives them for an item;
* those marked `campaign_core`, and never fewer than one of each function;
* of the others, one in `share`; one in BROAD when the `engine` changed or git cannot tell. The rotation decides which:
  the number of commits, so that after `share` commits in a row each was run; the commit's name where that is unknown.

On `main` the files are those of the last push, which may be many commits: a clone that never saw an earlier tip of
`main` cannot tell them, nor can one without history.

What is named on the command line (a path, -k) is run whole. SCLOUD_CAMPAIGN=whole runs everything,
SCLOUD_ROTATION=NUMBER repeats the choice of another commit, and SCLOUD_BASE=COMMIT compares with another one.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
MARK, CORE = "campaign", "campaign_core"
#: What carries out every verb, and what all of these tests stand on.
ENGINE = (
    "apps/lifecycle/",
    "apps/drivers/",
    "apps/agent/",
    "apps/accounts/",
    "apps/audit/",
    "apps/quotas/",
    "apps/infrastructure/",
    "apps/network/services",
    "apps/network/models",
    "apps/network/migrations/",
    "apps/storage/",
    "scloud_console/",
    "docker/",
    "requirements",
    "pyproject.toml",
    "tests/conftest.py",
    "tests/factories.py",
    "tests/fixtures.py",
    "tests/platform_fixtures.py",
    "tests/settings.py",
)
#: One in so many is run where the engine changed.
BROAD = 3
#: One in so many is run where nothing changed that is known to matter.
SHARE = 6
SECONDS_A_DAY = 86_400
#: What may be compared with, the first that is not the commit itself; the last one is where `main` was before it was
#: fetched or pushed, by the log that git keeps of it.
BASES = {
    "main": "since this branch left main",
    "origin/main": "since this branch left origin/main",
    "origin/HEAD": "since this branch left origin/HEAD",
    "origin/main@{1}": "since the push before",
}


@dataclass(frozen=True)
class Changes:
    """What changed. `files` is None where git cannot tell; `since` says what they are compared with.

    complete: False when others may have changed beside `files`.
    """

    files: frozenset[str] | None
    since: str
    rotation: int
    complete: bool = True

    def touch(self, paths: Iterable[str]) -> bool:
        """Whether a file that begins so has changed."""
        beginnings = tuple(paths)
        return any(file.startswith(beginnings) for file in self.files or ())

    def share(self, engine: Iterable[str], usual: int) -> int:
        """Return of how many cases one is run, of those whose own files did not change."""
        unknown = self.files is None or not self.complete
        return min(usual, BROAD) if unknown or self.touch(engine) else usual


def is_whole(config: pytest.Config | None = None) -> bool:
    """Whether campaigns are run whole: in `make campaign`, and where somebody named what to run."""
    if os.environ.get("SCLOUD_CAMPAIGN") == "whole":
        return True
    if config is None:
        return False
    return bool(config.args_source == pytest.Config.ArgsSource.ARGS or config.option.keyword)


def choose(
    cases: Sequence[T],
    changes: Changes,
    *,
    name: Callable[[T], str],
    paths: Callable[[T], Iterable[str]],
    core: Collection[T] = (),
    engine: Iterable[str] = ENGINE,
    share: int = SHARE,
) -> list[T]:
    """Return the cases to run, in their order; see the module."""
    one_in = changes.share(engine, share)
    order = sorted(cases, key=lambda case: _digest(name(case)))
    turn = {name(case) for rank, case in enumerate(order) if rank % one_in == changes.rotation % one_in}
    chosen = [case for case in cases if name(case) in turn or case in core or changes.touch(paths(case))]
    return chosen or order[:1]


def at_most(
    most: int, chosen: list[T], rotation: int, *, name: Callable[[T], str], core: Collection[T] = ()
) -> list[T]:
    """Return no more than `most` of the chosen, the core among them, in their order; others from turn to turn."""
    others = sorted((name(case) for case in chosen if case not in core), key=_digest)
    room = max(0, most - len(core))
    if len(others) <= room:
        return chosen
    first = rotation * room % len(others)
    kept = frozenset((others + others)[first : first + room])
    return [case for case in chosen if case in core or name(case) in kept]


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


@cache
def changes() -> Changes:
    """Compare this checkout with the branch it left, or with the push before; uncommitted files count."""
    rotation = os.environ.get("SCLOUD_ROTATION")
    try:
        if based := _base():
            return Changes(_files(based[0]), based[1], int(rotation or _git("rev-list", "--count", "HEAD")))
        # Nobody knows of how many commits the last push was: what is known of are those of the last one.
        files, since = _files(_last()), "in the last commit and, unknown ones, before"
        return Changes(files, since, int(rotation or _turn_of_commit()), complete=False)
    except (OSError, subprocess.CalledProcessError):
        return Changes(None, "git cannot tell", int(rotation or time.time() // SECONDS_A_DAY))


def _base() -> tuple[str, str] | None:
    """Return the commit to compare with, and its name for people; None where what was pushed is unknown."""
    if named := os.environ.get("SCLOUD_BASE"):
        return named, f"since {named}"
    head = _git("rev-parse", "HEAD")
    for tip, since in BASES.items():
        found = _answer("merge-base", "HEAD", tip)
        if found and found != head:
            return found, since
    return None


def _last() -> str:
    """Return the commit before, or where there is none, as in a shallow clone, this one."""
    return _answer("rev-parse", "--verify", "HEAD~1") or "HEAD"


def _files(base: str) -> frozenset[str]:
    """Return the files that differ from `base`; one that was moved, at both of its places."""
    differ = _git("diff", "--name-only", "--no-renames", base)
    new = _git("ls-files", "--others", "--exclude-standard")
    return frozenset([*differ.splitlines(), *new.splitlines()])


def _turn_of_commit() -> int:
    """Return a rotation that differs from commit to commit: counts of what is pushed together would repeat a few."""
    return int(_git("rev-parse", "HEAD")[:8], 16)


def _answer(*args: str) -> str:
    """Return what git answers, "" where it knows none."""
    try:
        return _git(*args)
    except subprocess.CalledProcessError:
        return ""


def _git(*args: str) -> str:
    done = subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


# --- as a plugin of pytest ---


@dataclass
class Report:
    """What was chosen of each campaign: its name, then how many of how many."""

    counts: dict[str, tuple[int, int]]
    changes: Changes

    def lines(self) -> list[str]:
        """Return what the header of the run says."""
        known = "unknown files" if self.changes.files is None else f"{len(self.changes.files)} files changed"
        head = (
            f"campaigns: a sample, by {known} {self.changes.since}; rotation {self.changes.rotation}"
            f" (SCLOUD_ROTATION={self.changes.rotation} repeats it); whole: make campaign"
        )
        return [
            head,
            *(f"  {name}: {some} of {all_}" for name, (some, all_) in sorted(self.counts.items())),
        ]


REPORT = pytest.StashKey[Report]()
#: What tests chose by themselves while they ran: campaign, how many, of how many.
CHOSEN = pytest.StashKey[list[tuple[str, int, int]]]()


def chosen_now(config: pytest.Config, campaign: str, some: int, all_: int) -> None:
    """Have the end of the run say how much of a campaign a test has chosen by itself."""
    config.stash.setdefault(CHOSEN, []).append((campaign, some, all_))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for campaign, some, all_ in config.stash.get(CHOSEN, []):
        terminalreporter.write_line(f"campaign {campaign}: {some} of {all_}")


@pytest.hookimpl(trylast=True)  # once -m has taken its part
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if is_whole(config):
        return
    by_function: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker(MARK) is not None:
            by_function[item.nodeid.partition("[")[0]].append(item)
    kept: set[str] = set()
    counts: dict[str, tuple[int, int]] = {}
    for cases in _groups(by_function):
        campaign = str(_mark(cases[0]).args[0])
        chosen = _chosen(cases, changes())
        kept |= {item.nodeid for item in chosen}
        some, all_ = counts.get(campaign, (0, 0))
        counts[campaign] = (some + len(chosen), all_ + len(cases))
    left = [item for item in items if item.get_closest_marker(MARK) is not None and item.nodeid not in kept]
    if counts:
        config.stash[REPORT] = Report(counts, changes())
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]


def _groups(by_function: dict[str, list[pytest.Item]]) -> list[list[pytest.Item]]:
    """Return what is chosen from together: a function's cases; functions with one case by module and campaign."""
    groups = [cases for cases in by_function.values() if len(cases) > 1]
    single: dict[tuple[str, str], list[pytest.Item]] = defaultdict(list)
    for cases in by_function.values():
        if len(cases) == 1:
            single[str(cases[0].path), str(_mark(cases[0]).args[0])] += cases
    return [*groups, *single.values()]


def _chosen(cases: list[pytest.Item], found: Changes) -> list[pytest.Item]:
    mark = _mark(cases[0])
    return choose(
        cases,
        found,
        name=lambda item: item.nodeid,
        paths=lambda item: (*_paths(item), _of_tests(item)),
        core=[item for item in cases if item.get_closest_marker(CORE) is not None],
        engine=mark.kwargs.get("engine", ENGINE),
        share=mark.kwargs.get("share", SHARE),
    )


def _mark(item: pytest.Item) -> Any:
    return item.get_closest_marker(MARK)


def _paths(item: pytest.Item) -> tuple[str, ...]:
    paths = _mark(item).args[1]
    found = tuple(paths(item) if callable(paths) else paths)
    for path in found:
        if not _begins_a_file(path):
            raise pytest.UsageError(f"{item.nodeid}: no file begins with {path}: it was moved")
    return found


@cache
def _begins_a_file(path: str) -> bool:
    return any(ROOT.glob(f"{path.rstrip('/')}*"))


def _of_tests(item: pytest.Item) -> str:
    """Return the file of the test itself."""
    return str(item.path.relative_to(ROOT))


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    return config.stash[REPORT].lines() if REPORT in config.stash else []
