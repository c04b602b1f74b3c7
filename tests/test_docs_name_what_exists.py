"""Paths and modules that the documentation names exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TREES = ("apps", "docker", "docs", "scloud_console", "scripts", "static", "templates", "tests")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "docker").glob("*.md"))]

CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
#: A path from the root: `apps/network/verbs.py`, `tests/security/`.
PATH = re.compile(rf"(?:{'|'.join(TREES)})/[\w./-]*\w/?")
#: A module by its own name or the end of its path: `verbs.py`, `services/vm.py`.
MODULE = re.compile(r"(?:[\w-]+/)*\w+\.py")
#: What a module of an app has: `infrastructure.pages.attention.more`. Two words may also be a verb or an error's code.
APPS = "|".join(path.name for path in (ROOT / "apps").iterdir() if (path / "__init__.py").exists())
DOTTED = re.compile(rf"(?:apps\.)?(?:{APPS})(?:\.\w+){{2,}}")
#: Files of every app that an app may also have as a package: `models.py`, `api.py`.
AS_PACKAGE = "/__init__.py"


@cache
def files() -> frozenset[str]:
    """Return all files of the trees, with those of the root, each with a slash before it."""
    trees = (path for tree in TREES for path in (ROOT / tree).rglob("*"))
    found = (path for path in (*trees, *ROOT.glob("*.py")) if path.is_file())
    return frozenset(f"/{path.relative_to(ROOT)}" for path in found)


def is_there(name: str) -> bool:
    """Whether a path, the end of a module's path, or what a dotted name means exists."""
    if DOTTED.fullmatch(name):
        return is_defined(name)
    if PATH.fullmatch(name):
        return (ROOT / name).exists()
    ends = (f"/{name}", f"/{name.removesuffix('.py')}{AS_PACKAGE}")
    return any(path.endswith(ends) for path in files())


def is_defined(name: str) -> bool:
    """Whether the words of a dotted name are packages, a module and what that defines or imports."""
    parts = name.removeprefix("apps.").split(".")
    for length in range(len(parts), 0, -1):
        module = "/apps/" + "/".join(parts[:length])
        found = {f"{module}.py", f"{module}{AS_PACKAGE}"} & files()
        if found:
            source = (ROOT / found.pop().lstrip("/")).read_text()
            return all(re.search(rf"\b{part}\b", source) for part in parts[length:])
    return False


def named(text: str) -> Iterator[str]:
    """Yield the paths and modules among a page's code words; of `services/vm.py: create_vms` the module."""
    for words in CODE.findall(text):
        name = words.split(":")[0].split(" ")[0]
        if any(kind.fullmatch(name) for kind in (PATH, MODULE, DOTTED)):
            yield name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    assert [name for name in named(text) if not is_there(name)] == []
    links = [link for link in LINK.findall(text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_index_has_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    links = {(index.parent / link).resolve() for link in LINK.findall(index.read_text()) if "://" not in link}
    pages = [page for page in (ROOT / "docs").rglob("*.md") if page != index]
    assert [str(page) for page in pages if page not in links and page.parent not in links] == []


@pytest.mark.parametrize(
    "name",
    [
        "apps/network/no_such.py",
        "no_such.py",
        "services/no_such.py",
        "tests/gone/",
        "infrastructure.services.no_such",
        "network.no_such.vpc",
    ],
)
def test_what_does_not_exist_is_found(name: str) -> None:
    assert list(named(f"See `{name}`.")) == [name]
    assert not is_there(name)
