"""Every app that has paths is found by the API and by both portals."""

from __future__ import annotations

from pathlib import Path

from apps.api.domains import DOMAINS

APPS = Path(__file__).resolve().parents[2] / "apps"


def test_every_app_with_paths_is_a_domain() -> None:
    # The API's own are where all are put together.
    with_paths = {path.parent.name for path in APPS.glob("*/urls.py")} - {"api"}
    assert set(DOMAINS) == with_paths
