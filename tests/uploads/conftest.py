"""A spool of its own for every test."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, settings: Settings) -> Path:
    settings.UPLOAD_DIR = str(tmp_path / "spool")
    return tmp_path / "spool"
