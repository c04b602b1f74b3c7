"""A sample leaves out nothing that changed, and in the end nothing at all."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests import sampling
from tests.sampling import BROAD, Changes, choose

SHARE = 5
CASES = [f"{app}-{number}" for app in ("compute", "network", "storage") for number in range(17)]
NOTHING = Changes(frozenset(), "since", 0)


def chosen(changes: Changes, **more: object) -> list[str]:
    return choose(
        CASES,
        changes,
        name=str,
        paths=lambda case: [f"apps/{case.partition('-')[0]}/"],
        engine=["apps/lifecycle/"],
        share=SHARE,
        **more,  # type: ignore[arg-type]
    )


def changed(*files: str, rotation: int = 0) -> Changes:
    return replace(NOTHING, files=frozenset(files), rotation=rotation)


@pytest.mark.parametrize("first", [0, 7, 555])
def test_as_many_commits_in_a_row_as_the_share_run_every_case_once(first: int) -> None:
    seen = [case for turn in range(SHARE) for case in chosen(replace(NOTHING, rotation=first + turn))]
    assert sorted(seen) == sorted(CASES)


def test_all_cases_of_what_changed_are_run_and_a_share_of_the_others() -> None:
    found = chosen(changed("apps/network/models.py", "docs/x.md"))
    assert {case for case in CASES if case.startswith("network")} <= set(found)
    assert 0 < len([case for case in found if not case.startswith("network")]) < len(CASES) / SHARE


def test_where_everything_changed_everything_is_run() -> None:
    files = [f"apps/{app}/models.py" for app in ("compute", "network", "storage", "lifecycle")]
    assert chosen(changed(*files)) == CASES


@pytest.mark.parametrize("changes", [changed("apps/lifecycle/engine.py"), replace(NOTHING, files=None)])
def test_a_change_of_the_engine_or_one_that_nobody_knows_of_is_met_broadly(changes: Changes) -> None:
    parts = [chosen(replace(changes, rotation=turn)) for turn in range(BROAD)]
    assert sorted(case for part in parts for case in part) == sorted(CASES)


def test_the_core_is_always_run() -> None:
    assert all(
        "storage-3" in chosen(replace(NOTHING, rotation=turn), core=["storage-3"]) for turn in range(SHARE)
    )


def test_the_same_commit_runs_the_same_cases() -> None:
    assert chosen(replace(NOTHING, rotation=3)) == chosen(replace(NOTHING, rotation=3))


def test_at_least_one_case_is_run() -> None:
    for turn in range(SHARE):
        assert choose(
            ["a", "b"], replace(NOTHING, rotation=turn), name=str, paths=lambda _case: [], share=SHARE
        )


def test_uncommitted_files_count_as_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "rev-parse": "abc",
        "merge-base": "base",
        "diff": "a.py",
        "ls-files": "new.py",
        "rev-list": "7",
    }
    monkeypatch.setattr(sampling, "_git", lambda *args: answers[args[0]])
    found = sampling.changes.__wrapped__()
    assert (found.files, found.rotation) == ({"a.py", "new.py"}, 7)


def test_without_git_nothing_is_known_to_be_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_args: str) -> str:
        raise FileNotFoundError("git")

    monkeypatch.setattr(sampling, "_git", fails)
    assert sampling.changes.__wrapped__().files is None


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return git, in a clone whose origin has the branch main with one commit."""

    def git(*args: str, cwd: Path = tmp_path / "clone") -> str:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always")
        done = subprocess.run(["git", *who, *args], cwd=cwd, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "-q", "-b", "main", str(tmp_path / "origin"), cwd=tmp_path)
    (tmp_path / "origin" / "a.py").write_text("a\n" * 20)
    git("add", ".", cwd=tmp_path / "origin")
    git("commit", "-qm", "First", cwd=tmp_path / "origin")
    git("clone", "-q", str(tmp_path / "origin"), str(tmp_path / "clone"), cwd=tmp_path)
    git("config", "--local", "receive.denyCurrentBranch", "ignore", cwd=tmp_path / "origin")
    monkeypatch.setattr(sampling, "ROOT", tmp_path / "clone")
    monkeypatch.delenv("SCLOUD_BASE", raising=False)
    monkeypatch.delenv("SCLOUD_ROTATION", raising=False)
    return git


def commit(git: Callable[..., str], *names: str) -> None:
    for name in names:
        (sampling.ROOT / name).write_text(name)
        git("add", ".")
        git("commit", "-qm", f"Add {name}")


def test_all_commits_of_a_push_are_looked_at(repository: Callable[..., str]) -> None:
    commit(repository, "b.py", "c.py")
    assert sampling.changes.__wrapped__().files == {"b.py", "c.py"}
    repository("push", "-q", "origin", "main")
    assert sampling.changes.__wrapped__().files == {"b.py", "c.py"}


@pytest.mark.parametrize("depth", [[], ["--depth", "2"], ["--depth", "1"]])
def test_a_fresh_clone_of_main_does_not_pass_the_last_commit_for_the_push(
    repository: Callable[..., str], depth: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(repository, "b.py", "c.py")
    repository("push", "-q", "origin", "main")
    repository("clone", "-q", *depth, f"file://{tmp_path}/origin", str(tmp_path / "fresh"), cwd=tmp_path)
    monkeypatch.setattr(sampling, "ROOT", tmp_path / "fresh")
    found = sampling.changes.__wrapped__()
    assert found.files == (frozenset() if depth == ["--depth", "1"] else frozenset({"c.py"}))
    assert found.share([], SHARE) == BROAD
    assert found.rotation == int(repository("rev-parse", "HEAD")[:8], 16)


def test_a_branch_is_compared_with_where_it_left_main(repository: Callable[..., str]) -> None:
    repository("switch", "-qc", "topic")
    commit(repository, "b.py", "c.py")
    assert sampling.changes.__wrapped__().files == {"b.py", "c.py"}


def test_what_was_moved_has_changed_at_both_places(repository: Callable[..., str]) -> None:
    repository("mv", "a.py", "b.py")
    found = sampling.changes.__wrapped__()
    assert (found.files, found.complete) == (frozenset({"a.py", "b.py"}), False)


def test_a_sample_is_announced_with_the_way_to_the_whole() -> None:
    lines = sampling.Report({"outages": (3, 12)}, changed("a.py", rotation=9)).lines()
    assert "make campaign" in lines[0] and "SCLOUD_ROTATION=9" in lines[0]
    assert "outages: 3 of 12" in lines[1]


def test_the_paths_of_what_carries_out_verbs_are_those_of_files() -> None:
    from tests.recovery.conftest import WHAT_SETTLES

    assert [path for path in (*sampling.ENGINE, *WHAT_SETTLES) if not sampling._begins_a_file(path)] == []
