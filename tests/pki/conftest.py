"""Authorities of a test's own, with a control plane and two hosts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docker"))

from pki.plan import Pki


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    made = Pki(tmp_path / "authorities")
    made.ensure_control(["127.0.0.1", "redis"], ["192.0.2.1"])
    made.ensure_host("host-1", "192.0.2.11")
    made.ensure_host("host-2", "192.0.2.12")
    return made
