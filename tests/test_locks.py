"""The lock files fit the ranges they were made from, and hold nothing but versions and hashes."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "requirements.in": "requirements.txt",
    "requirements-dev.in": "requirements-dev.txt",
    "docker/hosts/requirements-agent.in": "docker/hosts/requirements-agent.txt",
}


def locked(name: str) -> dict[str, str]:
    return {
        canonicalize_name(package): version
        for package, version in re.findall(
            r"^([\w.-]+)==([\w.!+-]+)", (ROOT / name).read_text(), re.MULTILINE
        )
    }


@pytest.mark.parametrize("source", LOCKS)
def test_the_locked_versions_are_within_the_ranges(source: str) -> None:
    lines = (line.partition("#")[0].strip() for line in (ROOT / source).read_text().splitlines())
    wanted = [Requirement(line) for line in lines if line and not line.startswith("-r")]
    versions = locked(LOCKS[source])

    assert [
        str(one) for one in wanted if not one.specifier.contains(versions[canonicalize_name(one.name)])
    ] == []


def test_tests_run_the_versions_that_are_deployed() -> None:
    assert locked("requirements.txt").items() <= locked("requirements-dev.txt").items()


@pytest.mark.parametrize("lock", LOCKS.values())
def test_every_locked_version_has_a_hash_and_no_lock_names_an_index(lock: str) -> None:
    lines = (ROOT / lock).read_text().splitlines()
    pins = [position for position, line in enumerate(lines) if "==" in line]

    assert [lines[position] for position in pins if "--hash=sha256:" not in lines[position + 1]] == []
    assert [line for line in lines if "://" in line or line.startswith("--")] == []
