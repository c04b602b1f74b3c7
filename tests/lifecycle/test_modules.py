"""Modules are found by their place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from apps.lifecycle.modules import discover, load_modules


def test_every_module_of_a_package_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "made_up_models"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from apps.lifecycle.modules import load_modules\nload_modules(__name__)\n"
    )
    (package / "tunnel.py").write_text("NAME = 'tunnel'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("made_up_models")
    assert sys.modules["made_up_models.tunnel"].NAME == "tunnel"


def test_a_module_that_is_no_package_has_no_modules() -> None:
    load_modules("apps.lifecycle.modules")


@pytest.mark.parametrize("name", ["services", "operations", "reconciled"])
def test_all_modules_of_all_apps_are_found(name: str) -> None:
    discover(name)
    apps = Path(__file__).parents[2] / "apps"
    there = {
        ".".join(("apps", *path.relative_to(apps).with_suffix("").parts))
        for path in apps.glob(f"*/{name}/*.py")
        if path.stem != "__init__"
    }
    assert there and there <= sys.modules.keys()
